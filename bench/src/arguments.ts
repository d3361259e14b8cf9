import { parseArgs } from 'node:util';
import { isDatasetName, type DatasetName } from './datasets.ts';
import type { Subject } from './result.ts';
import { parseSize } from './units.ts';

/** A mistake in the command line: shown without a stack. */
export class UsageError extends Error {}

export type LongshoreForm = 'cli' | 'library';

export interface RunOptions {
  readonly scenarios: readonly string[];
  readonly against: readonly Exclude<Subject, 'longshore'>[];
  readonly pairs: number;
  readonly scale: number;
  readonly dataset: DatasetName | undefined;
  /** Seconds for each figure of a kernel. */
  readonly kernelSeconds: number;
  /** No new pair is begun after it, and a program that runs longer is killed. */
  readonly maxMinutes: number;
  readonly out: string | undefined;
  /** A copy of all results of this run in one file. */
  readonly json: string | undefined;
  readonly html: string | undefined;
  readonly cache: string | undefined;
  /** Where repositories and restored trees are put; default: the cache. */
  readonly work: string | undefined;
  /** Also what has a result already. */
  readonly force: boolean;
  readonly build: boolean;
  /** What of longshore is measured; undefined: the command if it is built, else the library. */
  readonly longshore: LongshoreForm | undefined;
}

export interface AutoOptions {
  readonly target: string;
  readonly sample: string;
  readonly sampleBytes: number;
  readonly apply: boolean;
  readonly s3: S3Flags;
  readonly json: string | undefined;
  readonly build: boolean;
}

export interface EstimateOptions {
  readonly directory: string;
  readonly target: string | undefined;
  readonly compression: string | undefined;
  readonly hash: string | undefined;
  readonly splitter: string | undefined;
  /** 0 to 100; undefined: from the times of the files. */
  readonly changedPercent: number | undefined;
  readonly s3: S3Flags;
  readonly json: string | undefined;
  readonly build: boolean;
}

/** Under the names that Kopia has for them. */
export interface S3Flags {
  readonly endpoint: string;
  readonly region: string;
  readonly disableTLS: boolean;
}

export interface ReportOptions {
  readonly results: string;
  readonly html: string | undefined;
  readonly pages: readonly string[];
  /** Change nothing and fail if something would have to change. */
  readonly check: boolean;
}

export type Command =
  | { readonly kind: 'run'; readonly options: RunOptions }
  | { readonly kind: 'auto'; readonly options: AutoOptions }
  | { readonly kind: 'estimate'; readonly options: EstimateOptions }
  | { readonly kind: 'report'; readonly options: ReportOptions }
  | { readonly kind: 'list' }
  | { readonly kind: 'help' };

const FLAGS = {
  against: { type: 'string' },
  pairs: { type: 'string' },
  scale: { type: 'string' },
  dataset: { type: 'string' },
  seconds: { type: 'string' },
  'max-minutes': { type: 'string' },
  out: { type: 'string' },
  json: { type: 'string' },
  html: { type: 'string' },
  cache: { type: 'string' },
  work: { type: 'string' },
  force: { type: 'boolean' },
  'no-build': { type: 'boolean' },
  longshore: { type: 'string' },
  target: { type: 'string' },
  sample: { type: 'string' },
  'sample-size': { type: 'string' },
  apply: { type: 'boolean' },
  endpoint: { type: 'string' },
  region: { type: 'string' },
  'disable-tls': { type: 'boolean' },
  compression: { type: 'string' },
  hash: { type: 'string' },
  splitter: { type: 'string' },
  'changed-percent': { type: 'string' },
  results: { type: 'string' },
  page: { type: 'string', multiple: true },
  check: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type FlagName = keyof typeof FLAGS;

const S3_FLAGS = ['endpoint', 'region', 'disable-tls'] as const satisfies readonly FlagName[];

/** The flags of each command: any other is a mistake, not something to pass over. */
const FLAGS_OF: Readonly<Record<Command['kind'], readonly FlagName[]>> = {
  run: [
    'against',
    'pairs',
    'scale',
    'dataset',
    'seconds',
    'max-minutes',
    'out',
    'json',
    'html',
    'cache',
    'work',
    'force',
    'no-build',
    'longshore',
  ],
  auto: ['target', 'sample', 'sample-size', 'apply', 'json', 'no-build', ...S3_FLAGS],
  estimate: [
    'target',
    'compression',
    'hash',
    'splitter',
    'changed-percent',
    'json',
    'no-build',
    ...S3_FLAGS,
  ],
  report: ['results', 'html', 'page', 'check'],
  list: [],
  help: [],
};

const PEERS = ['kopia', 'restic', 'rustic'] as const;

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

type Values = ReturnType<typeof parseFlags>['values'];

/** What a command line asks for; UsageError says what is wrong with it. */
export function parseCommand(argv: readonly string[]): Command {
  const { values, positionals } = parseFlags(argv[0] === '--' ? argv.slice(1) : argv);
  const [first, ...rest] = positionals;
  if (values.help === true || first === undefined || first === 'help') return { kind: 'help' };
  switch (first) {
    case 'list':
      refuseOthers('list', values);
      return { kind: 'list' };
    case 'auto':
      refuseOthers('auto', values);
      refuseExtra(rest);
      return { kind: 'auto', options: autoOptions(values) };
    case 'estimate':
      refuseOthers('estimate', values);
      refuseExtra(rest.slice(1));
      return { kind: 'estimate', options: estimateOptions(values, rest[0]) };
    case 'report':
      refuseOthers('report', values);
      refuseExtra(rest);
      return { kind: 'report', options: reportOptions(values) };
    default:
      refuseOthers('run', values);
      return { kind: 'run', options: runOptions(values, positionals) };
  }
}

function runOptions(values: Values, scenarios: readonly string[]): RunOptions {
  const { dataset } = values;
  if (dataset !== undefined && !isDatasetName(dataset)) {
    throw new UsageError(`--dataset ${dataset}: unknown; "list" names them`);
  }
  return {
    scenarios,
    against: peersOf(values.against),
    pairs: positive('pairs', values.pairs, 5, { whole: true }),
    scale: positive('scale', values.scale, 1),
    dataset,
    kernelSeconds: positive('seconds', values.seconds, 0.25),
    maxMinutes: positive('max-minutes', values['max-minutes'], 20),
    out: values.out,
    json: values.json,
    html: values.html,
    cache: values.cache,
    work: values.work,
    force: values.force ?? false,
    build: values['no-build'] !== true,
    longshore: oneOf('longshore', values.longshore, ['cli', 'library']),
  };
}

function autoOptions(values: Values): AutoOptions {
  if (values.target === undefined) throw new UsageError('auto needs --target');
  if (values.sample === undefined) throw new UsageError('auto needs --sample');
  return {
    target: values.target,
    sample: values.sample,
    sampleBytes: size('sample-size', values['sample-size'], 256 * 1024 ** 2),
    apply: values.apply ?? false,
    s3: s3Flags(values),
    json: values.json,
    build: values['no-build'] !== true,
  };
}

function estimateOptions(values: Values, directory: string | undefined): EstimateOptions {
  if (directory === undefined) throw new UsageError('estimate needs a directory');
  const changed = values['changed-percent'];
  return {
    directory,
    target: values.target,
    compression: values.compression,
    hash: values.hash,
    splitter: values.splitter,
    changedPercent: changed === undefined ? undefined : percent('changed-percent', changed),
    s3: s3Flags(values),
    json: values.json,
    build: values['no-build'] !== true,
  };
}

function reportOptions(values: Values): ReportOptions {
  return {
    results: values.results ?? 'bench/results',
    html: values.html,
    pages: values.page ?? ['README.md', 'docs/performance.md'],
    check: values.check ?? false,
  };
}

function s3Flags(values: Values): S3Flags {
  return {
    endpoint: values.endpoint ?? 's3.amazonaws.com',
    region: values.region ?? '',
    disableTLS: values['disable-tls'] ?? false,
  };
}

function refuseOthers(kind: Command['kind'], values: Values): void {
  const other = Object.keys(values).find((name) => !FLAGS_OF[kind].includes(name as FlagName));
  if (other !== undefined) throw new UsageError(`--${other} does not belong to ${kind}`);
}

function refuseExtra([extra]: readonly string[]): void {
  if (extra !== undefined) throw new UsageError(`${extra}: one parameter too many`);
}

function peersOf(text: string | undefined): RunOptions['against'] {
  if (text === undefined || text === '') return [];
  return text.split(',').map((name) => {
    const peer = PEERS.find((one) => one === name.trim());
    if (peer === undefined) throw new UsageError(`--against ${name}: one of ${PEERS.join(', ')}`);
    return peer;
  });
}

function positive(
  name: FlagName,
  text: string | undefined,
  fallback: number,
  { whole = false }: { readonly whole?: boolean } = {},
): number {
  const value = text === undefined ? fallback : Number(text);
  if (!(value > 0) || !Number.isFinite(value) || (whole && !Number.isInteger(value))) {
    throw new UsageError(`--${name} ${text}: a ${whole ? 'whole ' : ''}number above 0`);
  }
  return value;
}

function percent(name: FlagName, text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value <= 100))
    throw new UsageError(`--${name} ${text}: 0 to 100`);
  return value;
}

function size(name: FlagName, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : parseSize(text);
  if (value === undefined || value === 0) {
    throw new UsageError(`--${name} ${text}: a size such as 256MiB`);
  }
  return value;
}

function oneOf<T extends string>(
  name: FlagName,
  text: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new UsageError(`--${name} ${text}: one of ${choices.join(', ')}`);
  return choice;
}
