import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timeLimit, type Scenario, type ScenarioOutcome, type ScenarioRun } from '../context.ts';
import { measureProgram, takeTurns } from '../measure.ts';
import { findKopia } from '../peers/kopia.ts';
import { plainEnvironment } from '../peers/peer.ts';
import { longshoreVersion, runnerParameters } from '../project.ts';
import type { ResultRow, Sample, SubjectSamples } from '../result.ts';
import type { KernelSample } from '../runners/kernel-timing.ts';
import type { KernelKind, KernelRequest } from '../runners/kernels.ts';
import { createSeededBytes } from '../seeded-bytes.ts';
import { parseKopiaBenchmark } from './kopia-benchmark.ts';

interface KernelScenario {
  readonly id: string;
  readonly title: string;
  readonly kind: KernelKind;
  readonly blockSize: number;
  /** Of `kopia benchmark`; undefined where Kopia has nothing like it. */
  readonly kopia?: (run: ScenarioRun, definition: KernelScenario) => readonly string[];
  /** Ours divided by Kopia's should reach this, by name. */
  readonly goals: Readonly<Record<string, number>>;
  /** Kopia's row for ours, where names differ. */
  readonly kopiaName?: (name: string) => string;
}

const KIB = 1024;
const MIB = 1024 ** 2;
/** Bytes that Kopia works through for each figure: enough for a tenth of a second. */
const KOPIA_BYTES = 128 * MIB;

const PAIR = / \(pair\)$/;

const DEFINITIONS: readonly KernelScenario[] = [
  {
    id: 'splitter',
    title: 'splitters, 32 MiB, one thread',
    kind: 'splitter',
    blockSize: 32 * MIB,
    kopia: () => ['splitter', '--data-size=32MB', '--block-count=4', '--parallel=1'],
    goals: { 'DYNAMIC-4M-BUZHASH': 4, 'DYNAMIC-4M-RABINKARP': 2.5 },
  },
  ...[4 * KIB, 4 * MIB].map((blockSize): KernelScenario => ({
    id: blockSize === 4 * KIB ? 'hash-4k' : 'hash-4m',
    title: `hashes, contents of ${blockSize === 4 * KIB ? '4 KiB' : '4 MiB'}, one thread`,
    kind: 'hash',
    blockSize,
    kopia: (_run, definition) => ['hashing', ...blockFlags(definition)],
    kopiaName: (name) => name.replace(PAIR, ''),
    goals:
      blockSize === 4 * KIB
        ? {}
        : { 'BLAKE2B-256-128 (pair)': 1.2, 'BLAKE3-256': 0.5, 'HMAC-SHA256': 0.95 },
  })),
  ...[4 * KIB, 4 * MIB].map((blockSize): KernelScenario => ({
    id: blockSize === 4 * KIB ? 'seal-4k' : 'seal-4m',
    title: `ciphers, contents of ${blockSize === 4 * KIB ? '4 KiB' : '4 MiB'}, one thread`,
    kind: 'seal',
    blockSize,
    kopia: (_run, definition) => ['encryption', ...blockFlags(definition)],
    goals: blockSize === 4 * KIB ? {} : { 'AES256-GCM-HMAC-SHA256': 0.75 },
  })),
  {
    id: 'compress',
    title: 'compressors, 4 MiB of text, one thread',
    kind: 'compress',
    blockSize: 4 * MIB,
    kopia: (run, definition) => [
      'compression',
      `--data-file=${textFile(run, definition)}`,
      '--repeat=4',
      '--parallel=1',
      '--deprecated',
    ],
    goals: { zstd: 1.1, 'zstd-fastest': 1.1 },
  },
  {
    id: 'prepare',
    title: 'one stream from memory to sealed packs, all cores, nothing written',
    kind: 'prepare',
    blockSize: 4 * MIB,
    goals: {},
  },
];

function blockFlags({ blockSize }: KernelScenario): readonly string[] {
  // Kopia reads KB and MB here, as 1,024 and 1,048,576.
  const size = blockSize >= MIB ? `${blockSize / MIB}MB` : `${blockSize / KIB}KB`;
  const repeat = Math.ceil(KOPIA_BYTES / blockSize);
  return [`--block-size=${size}`, `--repeat=${repeat}`, '--parallel=1'];
}

function textFile({ folder }: ScenarioRun, { blockSize }: KernelScenario): string {
  const path = join(folder, 'text');
  const bytes = new Uint8Array(blockSize);
  createSeededBytes(2).fillText(bytes);
  writeFileSync(path, bytes);
  return path;
}

type Rates = ReadonlyMap<string, number>;

async function timeOurs(run: ScenarioRun, definition: KernelScenario): Promise<Rates> {
  const request: KernelRequest = {
    kind: definition.kind,
    blockSize: definition.blockSize,
    seconds: run.options.kernelSeconds,
    names: [],
  };
  const { stdout } = await measureProgram(
    {
      program: process.execPath,
      parameters: [...runnerParameters('kernels'), JSON.stringify(request)],
      environment: plainEnvironment(run.folder),
    },
    { timeLimitSeconds: timeLimit(run) },
  );
  const samples = JSON.parse(stdout) as readonly KernelSample[];
  return new Map(samples.map(({ name, bytesPerSecond }) => [name, bytesPerSecond]));
}

async function timeKopia(
  run: ScenarioRun,
  program: string,
  parameters: readonly string[],
): Promise<Rates> {
  const { stdout, stderr } = await measureProgram(
    {
      program,
      parameters: ['benchmark', ...parameters],
      environment: {
        ...plainEnvironment(run.folder),
        KOPIA_CONFIG_PATH: join(run.folder, 'repository.config'),
        KOPIA_LOG_DIR: join(run.folder, 'logs'),
        KOPIA_CHECK_FOR_UPDATES: 'false',
      },
    },
    { timeLimitSeconds: timeLimit(run) },
  );
  return parseKopiaBenchmark(stdout + stderr);
}

function kernelScenario(definition: KernelScenario): Scenario {
  const { id, title } = definition;
  return { id, title, group: 'kernels', run: (run) => runKernels(run, definition) };
}

async function runKernels(run: ScenarioRun, definition: KernelScenario): Promise<ScenarioOutcome> {
  const kopia = run.peers.find(({ name }) => name === 'kopia');
  const program = findKopia();
  const parameters = definition.kopia?.(run, definition);
  const versus = kopia !== undefined && program !== undefined && parameters !== undefined;
  const results = await takeTurns(
    [
      { name: 'longshore', run: () => timeOurs(run, definition) },
      ...(versus ? [{ name: 'kopia', run: () => timeKopia(run, program, parameters) }] : []),
    ],
    { count: run.options.pairs, deadline: run.deadline },
  );
  const ours = results.get('longshore') ?? [];
  const theirs = results.get('kopia') ?? [];
  const rows = [...(ours[0]?.keys() ?? [])].map((name): ResultRow => {
    const kopiaName = definition.kopiaName?.(name) ?? name;
    const goal = definition.goals[name];
    const subjects: SubjectSamples[] = [
      { subject: 'longshore', version: longshoreVersion(), samples: samplesOf(ours, name) },
    ];
    const kopiaSamples = samplesOf(theirs, kopiaName);
    if (versus && kopiaSamples.length > 0) {
      subjects.push({ subject: 'kopia', version: kopia.version, samples: kopiaSamples });
    }
    return { name, unit: 'B/s', subjects, ...(goal === undefined ? {} : { goal }) };
  });
  return {
    rows,
    proofs:
      definition.kind === 'prepare'
        ? []
        : ['each fast kernel gives what the portable one gives for the same bytes'],
    notes: versus ? ["Kopia's figures are those of `kopia benchmark`, on data of its own"] : [],
  };
}

function samplesOf(results: readonly Rates[], name: string): readonly Sample[] {
  return results.flatMap((rates) => {
    const value = rates.get(name);
    return value === undefined ? [] : [{ value }];
  });
}

export const KERNEL_SCENARIOS: readonly Scenario[] = DEFINITIONS.map(kernelScenario);
