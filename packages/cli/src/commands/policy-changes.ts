import { SPLITTER_NAMES } from '@longshore/chunker';
import { COMPRESSION_HEADER_IDS } from '@longshore/repo';
import { isCronExpression, parseCronExpression, type Policy } from '@longshore/snapshot';
import {
  flag,
  listFlag,
  optionalFlag,
  parseBoolean,
  valueFlag,
  type Flags,
  type FlagValues,
} from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, oneOf, parseInteger, parseOneOf, text, texts } from '../grammar/value-flags.ts';
import { ACTION_FLAGS, actionChanges } from './policy-actions.ts';

/** A setting to take out, so that it is inherited again. */
type Inherit = 'inherit';

const INHERIT = ['inherit', 'default'];
const MEBIBYTE = 2 ** 20;
const MAX_SHOWN_LENGTH = 200;
const SECOND = 1_000_000_000n;

/** `inherit` or a value. */
function settingFlag<T>(parse: (text: string) => T): ReturnType<typeof valueFlag<T | Inherit>> {
  return valueFlag((given) => (INHERIT.includes(given) ? 'inherit' : parse(given)));
}

const wholeNumber = settingFlag(parseInteger);
const trueOrFalse = settingFlag(
  (given) => parseOneOf(['true', 'false', 'inherit'], given) === 'true',
);
const logDetail = settingFlag((given) => {
  const level = parseInteger(given);
  if (level >= 0 && level <= 10) return level;
  throw new UsageError(`must be 0 to 10, not ${level}`);
});

const COMPRESSORS = Object.keys(COMPRESSION_HEADER_IDS)
  .filter((name) => name !== 'lz4')
  .sort();

/** What can be compressed anew. Kopia takes lz4 for a policy and then fails on each file. */
function compressor(given: string): string {
  if (given === 'lz4') {
    throw new UsageError('lz4 can only be read: neither Kopia nor longshore writes it any more');
  }
  return parseOneOf(['inherit', 'none', ...COMPRESSORS], given);
}

/** Everything that `policy set` can change. */
export const POLICY_SETTING_FLAGS = {
  inherit: listFlag(parseBoolean)('Whether to inherit settings from the policies above.', {
    placeholder: 'BOOL',
  }),
  'keep-latest': wholeNumber('How many of the latest snapshots to keep.', { placeholder: 'N' }),
  'keep-hourly': wholeNumber('How many hourly snapshots to keep.', { placeholder: 'N' }),
  'keep-daily': wholeNumber('How many daily snapshots to keep.', { placeholder: 'N' }),
  'keep-weekly': wholeNumber('How many weekly snapshots to keep.', { placeholder: 'N' }),
  'keep-monthly': wholeNumber('How many monthly snapshots to keep.', { placeholder: 'N' }),
  'keep-annual': wholeNumber('How many annual snapshots to keep.', { placeholder: 'N' }),
  'ignore-identical-snapshots': trueOrFalse('Save no snapshot that is identical to the last one.'),
  'add-ignore': texts('Ignore what matches this rule.', { placeholder: 'PATTERN' }),
  'remove-ignore': texts('Take this rule out.', { placeholder: 'PATTERN' }),
  'clear-ignore': flag('Take all rules out.'),
  'add-dot-ignore': texts('Read rules from files of this name.', { placeholder: 'FILENAME' }),
  'remove-dot-ignore': texts('Do not read rules from files of this name.', {
    placeholder: 'FILENAME',
  }),
  'clear-dot-ignore': flag('Take all such names out.'),
  'max-file-size': wholeNumber('Ignore files of more bytes.', { placeholder: 'N' }),
  'one-file-system': trueOrFalse('Do not go into other file systems.'),
  'ignore-cache-dirs': trueOrFalse('Store folders with a CACHEDIR.TAG empty.'),
  'ignore-file-errors': trueOrFalse('Files that cannot be read are no failure.'),
  'ignore-dir-errors': trueOrFalse('Folders that cannot be read are no failure.'),
  'ignore-unknown-types': trueOrFalse('Devices, sockets and the like are no failure.'),
  compression: valueFlag(compressor)('Compression of files.'),
  'compression-min-size': wholeNumber('Do not compress files of fewer bytes.'),
  'compression-max-size': wholeNumber('Do not compress files of more bytes.'),
  'add-only-compress': texts('Compress files with this extension.', { placeholder: 'PATTERN' }),
  'remove-only-compress': texts('Take this extension out.', { placeholder: 'PATTERN' }),
  'clear-only-compress': flag('Take all such extensions out.'),
  'add-never-compress': texts('Do not compress files with this extension.', {
    placeholder: 'PATTERN',
  }),
  'remove-never-compress': texts('Take this extension out.', { placeholder: 'PATTERN' }),
  'clear-never-compress': flag('Take all such extensions out.'),
  'metadata-compression': valueFlag(compressor)('Compression of metadata.'),
  splitter: oneOf(['inherit', ...SPLITTER_NAMES])('Where files are cut into contents.'),
  'max-parallel-file-reads': wholeNumber('Files read at once.'),
  'max-parallel-snapshots': wholeNumber('Sources that a server backs up at once.'),
  'parallel-upload-above-size-mib': wholeNumber('Upload larger files in parts of so many MiB.'),
  'snapshot-interval': duration('Time between scheduled snapshots.'),
  'snapshot-time': texts('Times of day of scheduled snapshots, HH:mm or "inherit".'),
  'run-missed': trueOrFalse('Make up for scheduled snapshots that were missed.'),
  manual: optionalFlag('Take snapshots of this target only when asked to.'),
  'log-dir-snapshotted': logDetail('How much to log about folders.', { placeholder: 'N' }),
  'log-dir-ignored': logDetail('How much to log about ignored folders.', { placeholder: 'N' }),
  'log-entry-snapshotted': logDetail('How much to log about files.', { placeholder: 'N' }),
  'log-entry-ignored': logDetail('How much to log about ignored files.', { placeholder: 'N' }),
  'log-entry-cache-hit': logDetail('How much to log about unchanged files.', { placeholder: 'N' }),
  'log-entry-cache-miss': logDetail('How much to log about changed files.', { placeholder: 'N' }),
  'snapshot-time-crontab': text('Scheduled snapshots as in crontab, with ; between, or "inherit".'),
  'enable-volume-shadow-copy': oneOf(['never', 'always', 'when-available', 'inherit', 'default'])(
    'Whether Kopia on Windows backs up a shadow copy.',
    { placeholder: 'MODE' },
  ),
  ...ACTION_FLAGS,
} as const satisfies Flags;

type SettingFlags = FlagValues<typeof POLICY_SETTING_FLAGS>;

/** A policy after the changes, and each change in words. UsageError for a time of day that is none. */
export function changePolicy(
  policy: Policy,
  flags: SettingFlags,
): { readonly policy: Policy; readonly changes: readonly string[] } {
  const edit = new PolicyEdit(policy);
  for (const [name, path] of PLAIN_SETTINGS) edit.set(path, flags[name]);
  edit.set('splitter.algorithm', flags.splitter);
  edit.set('compression.compressorName', flags.compression);
  edit.set('metadataCompression.compressorName', flags['metadata-compression']);
  const partSize = flags['parallel-upload-above-size-mib'];
  edit.set(
    'upload.parallelUploadAboveSize',
    typeof partSize === 'number' ? partSize * MEBIBYTE : partSize,
  );
  for (const [path, list] of LISTS) {
    edit.list(path, {
      add: flags[`add-${list}`],
      remove: flags[`remove-${list}`],
      clear: flags[`clear-${list}`],
    });
  }
  editSchedule(edit, flags);
  for (const { name, action } of actionChanges(flags)) {
    edit.set(`actions.${name}`, action ?? 'inherit');
  }
  const shadowCopy = flags['enable-volume-shadow-copy'];
  if (shadowCopy !== undefined) {
    const level = SHADOW_COPY_LEVELS.indexOf(shadowCopy);
    edit.set('osSnapshots.volumeShadowCopy.enable', level < 0 ? 'inherit' : level);
  }
  const inherits = flags.inherit.at(-1);
  if (inherits !== undefined) edit.set('noParent', !inherits);
  return edit.result();
}

/** By the number that stands for each in a policy. */
const SHADOW_COPY_LEVELS = ['never', 'always', 'when-available'];

const PLAIN_SETTINGS = [
  ['keep-latest', 'retention.keepLatest'],
  ['keep-hourly', 'retention.keepHourly'],
  ['keep-daily', 'retention.keepDaily'],
  ['keep-weekly', 'retention.keepWeekly'],
  ['keep-monthly', 'retention.keepMonthly'],
  ['keep-annual', 'retention.keepAnnual'],
  ['ignore-identical-snapshots', 'retention.ignoreIdenticalSnapshots'],
  ['max-file-size', 'files.maxFileSize'],
  ['one-file-system', 'files.oneFileSystem'],
  ['ignore-cache-dirs', 'files.ignoreCacheDirs'],
  ['ignore-file-errors', 'errorHandling.ignoreFileErrors'],
  ['ignore-dir-errors', 'errorHandling.ignoreDirectoryErrors'],
  ['ignore-unknown-types', 'errorHandling.ignoreUnknownTypes'],
  ['compression-min-size', 'compression.minSize'],
  ['compression-max-size', 'compression.maxSize'],
  ['max-parallel-file-reads', 'upload.maxParallelFileReads'],
  ['max-parallel-snapshots', 'upload.maxParallelSnapshots'],
  ['log-dir-snapshotted', 'logging.directories.snapshotted'],
  ['log-dir-ignored', 'logging.directories.ignored'],
  ['log-entry-snapshotted', 'logging.entries.snapshotted'],
  ['log-entry-ignored', 'logging.entries.ignored'],
  ['log-entry-cache-hit', 'logging.entries.cacheHit'],
  ['log-entry-cache-miss', 'logging.entries.cacheMiss'],
] as const satisfies readonly (readonly [keyof SettingFlags, string])[];

const LISTS = [
  ['files.ignore', 'ignore'],
  ['files.ignoreDotFiles', 'dot-ignore'],
  ['compression.onlyCompress', 'only-compress'],
  ['compression.neverCompress', 'never-compress'],
] as const;

function editSchedule(edit: PolicyEdit, flags: SettingFlags): void {
  const { manual, 'snapshot-interval': interval, 'run-missed': runMissed } = flags;
  const times = flags['snapshot-time'];
  const crontab = flags['snapshot-time-crontab'] ?? '';
  const hasSchedule =
    interval !== undefined || times.length > 0 || crontab !== '' || typeof runMissed === 'boolean';
  if (manual === true) {
    if (hasSchedule) throw new UsageError('--manual and a schedule exclude each other');
    for (const setting of ['intervalSeconds', 'timeOfDay', 'cron', 'runMissed']) {
      edit.clear(`scheduling.${setting}`);
    }
    edit.set('scheduling.manual', true);
    return;
  }
  if (interval !== undefined) edit.set('scheduling.intervalSeconds', intervalSeconds(interval));
  if (times.length > 0) edit.set('scheduling.timeOfDay', parseTimesOfDay(times));
  if (crontab !== '') edit.set('scheduling.cron', parseCrontab(crontab));
  edit.set('scheduling.runMissed', runMissed);
  if (hasSchedule || manual === false) edit.clear('scheduling.manual');
}

/** 0 takes the interval out, as in Kopia. */
function intervalSeconds(nanoseconds: bigint): number | Inherit {
  if (nanoseconds === 0n) return 'inherit';
  if (nanoseconds >= SECOND) return Number(nanoseconds / SECOND);
  throw new UsageError('--snapshot-interval must be a second or more, or 0');
}

function parseCrontab(given: string): readonly string[] | Inherit {
  if (INHERIT.includes(given)) return 'inherit';
  const expressions = given
    .split(';')
    .map((expression) => expression.trim())
    .filter((expression) => expression !== '');
  for (const expression of expressions) {
    const shown = JSON.stringify(expression);
    if (!isCronExpression(expression)) {
      throw new UsageError(`--snapshot-time-crontab: ${shown} is no crontab expression`);
    }
    if (parseCronExpression(expression)?.hasBackwardRange === true) {
      throw new UsageError(`--snapshot-time-crontab: a range in ${shown} ends before it begins`);
    }
  }
  return expressions.length === 0 ? 'inherit' : expressions;
}

function parseTimesOfDay(
  texts: readonly string[],
): readonly { readonly hour: number; readonly min: number }[] | Inherit {
  const times = texts.flatMap((text) => text.split(','));
  if (times.includes('inherit')) return 'inherit';
  return times
    .map((time) => {
      const [, hour = '', min = ''] = /^\s*(\d{1,2}):(\d{1,2})$/.exec(time) ?? [];
      if (hour === '' || Number(hour) > 23 || Number(min) > 59) {
        throw new UsageError(`--snapshot-time needs HH:mm, not ${JSON.stringify(time)}`);
      }
      return { hour: Number(hour), min: Number(min) };
    })
    .sort((a, b) => a.hour - b.hour || a.min - b.min)
    .filter(
      (time, index, all) => time.hour !== all[index - 1]?.hour || time.min !== all[index - 1]?.min,
    );
}

/** Scripts are settings too. */
function shortened(text: string): string {
  return text.length <= MAX_SHOWN_LENGTH ? text : `${text.slice(0, MAX_SHOWN_LENGTH)}...`;
}

/** Changes settings by their path and takes down what it did. */
class PolicyEdit {
  readonly #policy: Record<string, unknown>;
  readonly #changes: string[] = [];

  constructor(policy: Policy) {
    this.#policy = structuredClone(policy) as unknown as Record<string, unknown>;
  }

  /** Undefined: was not asked for. */
  set(path: string, value: unknown): void {
    if (value === undefined) return;
    if (value === 'inherit') {
      this.#assign(path, undefined);
      this.#changes.push(`${path}: inherited from parent`);
      return;
    }
    this.#assign(path, value);
    this.#changes.push(`${path}: set to ${shortened(JSON.stringify(value))}`);
  }

  /** Takes a setting out if it is there. */
  clear(path: string): void {
    const value = this.#read(path);
    if (value === undefined || value === false) return;
    this.#assign(path, undefined);
    this.#changes.push(`${path}: no longer set`);
  }

  list(
    path: string,
    change: {
      readonly add: readonly string[];
      readonly remove: readonly string[];
      readonly clear: boolean;
    },
  ): void {
    if (change.clear) {
      this.#assign(path, undefined);
      this.#changes.push(`${path}: emptied`);
      return;
    }
    if (change.add.length === 0 && change.remove.length === 0) return;
    const items = new Set((this.#read(path) ?? []) as readonly string[]);
    for (const item of change.add) {
      items.add(item);
      this.#changes.push(`${path}: added ${JSON.stringify(item)}`);
    }
    for (const item of change.remove) {
      items.delete(item);
      this.#changes.push(`${path}: removed ${JSON.stringify(item)}`);
    }
    this.#assign(path, items.size === 0 ? undefined : [...items].sort());
  }

  result(): { readonly policy: Policy; readonly changes: readonly string[] } {
    return { policy: this.#policy as unknown as Policy, changes: this.#changes };
  }

  #read(path: string): unknown {
    const { section, name } = this.#locate(path);
    return section[name];
  }

  #assign(path: string, value: unknown): void {
    const { section, name } = this.#locate(path);
    if (value === undefined) delete section[name];
    else section[name] = value;
  }

  #locate(path: string): { readonly section: Record<string, unknown>; readonly name: string } {
    const parts = path.split('.');
    const name = parts.pop()!;
    let section = this.#policy;
    for (const part of parts) section = section[part] as Record<string, unknown>;
    return { section, name };
  }
}
