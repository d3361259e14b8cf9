import {
  LOG_PREFIX,
  NANOSECONDS_PER_SECOND,
  type BlobMetadata,
  type BlobReader,
  type EpochNanoseconds,
} from '@longshore/repo';
import type { CommandContext } from '../context.ts';
import { flag, type Flags, type FlagValues } from '../grammar/flag.ts';
import { duration, integer } from '../grammar/value-flags.ts';

/** What one run of Kopia logged in the repository. Times in nanoseconds. */
export interface LogSession {
  readonly id: string;
  readonly startTime: EpochNanoseconds;
  readonly endTime: EpochNanoseconds;
  /** In the order in which they were written. */
  readonly segments: readonly BlobMetadata[];
}

/** Which logs a command is about. */
export const LOG_SELECTION_FLAGS = {
  all: flag('All logs.'),
  latest: integer('The last N logs.', { short: 'n', placeholder: 'N', default: 0 }),
  'younger-than': duration('Logs that began less than this ago.', { default: 0n }),
  'older-than': duration('Logs that began more than this ago.', { default: 0n }),
} as const satisfies Flags;

type Selection = FlagValues<typeof LOG_SELECTION_FLAGS>;

/** Oldest first. A name that is none of a log is a warning. */
export async function listLogSessions(
  { log, signal }: CommandContext,
  storage: BlobReader,
): Promise<readonly LogSession[]> {
  const sessions = new Map<string, LogSession>();
  for await (const blob of storage.listBlobs(LOG_PREFIX, { signal })) {
    // _log_<time>_<random>_<first second>_<last second>_<number>_<hash>
    const match = /^_log_(\d+_[0-9a-f]+)_(\d{1,12})_(\d{1,12})_\d+_/.exec(blob.id);
    if (match === null) {
      log.warning(`${blob.id} has no name of a log and is passed over`);
      continue;
    }
    const [, id = '', first = '', last = ''] = match;
    const startTime = BigInt(first) * NANOSECONDS_PER_SECOND;
    const endTime = BigInt(last) * NANOSECONDS_PER_SECOND;
    const known = sessions.get(id);
    sessions.set(id, {
      id,
      startTime: known !== undefined && known.startTime < startTime ? known.startTime : startTime,
      endTime: known !== undefined && known.endTime > endTime ? known.endTime : endTime,
      segments: [...(known?.segments ?? []), blob].sort(byTimestamp),
    });
  }
  return [...sessions.values()].sort((a, b) => byTimestamp(a.segments[0]!, b.segments[0]!));
}

export function isSelective(flags: Selection): boolean {
  return flags.all || flags.latest > 0 || flags['younger-than'] > 0n || flags['older-than'] > 0n;
}

export function selectLogSessions(
  sessions: readonly LogSession[],
  flags: Selection,
  now: EpochNanoseconds,
): readonly LogSession[] {
  if (flags.all) return sessions;
  const { latest, 'younger-than': younger, 'older-than': older } = flags;
  const chosen = sessions.filter(
    ({ startTime }) =>
      (younger <= 0n || now - startTime < younger) && (older <= 0n || now - startTime > older),
  );
  return latest > 0 ? chosen.slice(-latest) : chosen;
}

function byTimestamp(a: BlobMetadata, b: BlobMetadata): number {
  return a.timestamp === b.timestamp ? 0 : a.timestamp < b.timestamp ? -1 : 1;
}
