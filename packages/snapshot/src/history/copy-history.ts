import {
  LongshoreError,
  type AbortOptions,
  type EpochNanoseconds,
  type RepositoryWriter,
} from '@longshore/repo';
import type { SnapshotManifest } from '../snapshot-manifest.ts';
import { listSnapshots, saveSnapshot } from '../snapshot-store.ts';
import { sameSource, type SourceInfo } from '../source-info.ts';

export interface CopyHistoryOptions extends AbortOptions {
  /** Empty parts match everything. */
  readonly from: SourceInfo;
  /** Parts that are not empty replace those of each snapshot's source. */
  readonly to: SourceInfo;
  /** Delete what was copied, and what was there already, from where it came. */
  readonly move?: boolean;
  /** Say what would happen, and write nothing. */
  readonly dryRun?: boolean;
  readonly onEvent?: (event: CopyHistoryEvent) => void;
}

/** `existing`: a snapshot with the same start and root is there already. */
export interface CopyHistoryEvent {
  readonly type: 'copied' | 'existing';
  readonly snapshot: SnapshotManifest;
  readonly to: SourceInfo;
}

/**
 * Saves the manifests of one or several sources again under another user, host or path; the writer's flush makes it
 * permanent. INVALID_ARGUMENT if sources would fall together: a path or user is given on the receiving side only.
 */
export async function copyHistory(
  writer: RepositoryWriter,
  options: CopyHistoryOptions,
): Promise<void> {
  const { from, to, move = false, dryRun = false, onEvent } = options;
  checkSources(from, to);
  const all = await listSnapshots(writer, undefined, options);
  const present = new Set<string>();
  for (const { source, startTime, rootEntry } of all) {
    present.add(historyKey(source, startTime, rootEntry?.objectID));
  }
  for (const snapshot of all.filter(({ source }) => matches(source, from))) {
    const target = { ...snapshot.source, ...nonEmpty(to) };
    if (sameSource(target, snapshot.source)) continue;
    const key = historyKey(target, snapshot.startTime, snapshot.rootEntry?.objectID);
    const isPresent = present.has(key);
    onEvent?.({ type: isPresent ? 'existing' : 'copied', snapshot, to: target });
    if (dryRun) continue;
    if (!isPresent) {
      await saveSnapshot(writer, { ...snapshot, source: target });
      present.add(key);
    }
    if (move) await writer.deleteManifest(snapshot.id);
  }
}

function checkSources(from: SourceInfo, to: SourceInfo): void {
  if (to.path !== '' && from.path === '') {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'the destination has a path and the source has none: the histories of all paths would become one',
    );
  }
  if (to.userName !== '' && from.userName === '') {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'the destination has a user and the source has none: the histories of all users would become one',
    );
  }
}

function matches(source: SourceInfo, wanted: SourceInfo): boolean {
  return Object.entries(nonEmpty(wanted)).every(
    ([part, value]) => source[part as keyof SourceInfo] === value,
  );
}

function nonEmpty(source: SourceInfo): Partial<SourceInfo> {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
}

function historyKey(
  { userName, host, path }: SourceInfo,
  startTime: EpochNanoseconds,
  objectID: string | undefined,
): string {
  return JSON.stringify([userName, host, path, String(startTime), objectID ?? '']);
}
