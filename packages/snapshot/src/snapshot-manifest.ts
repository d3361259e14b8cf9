import {
  field,
  formatGoTime,
  GoRawJSON,
  sortedRecord,
  type EpochNanoseconds,
  type Manifest,
  type ManifestID,
} from '@longshore/repo';
import {
  encodeDirEntry,
  parseDirEntry,
  timeField,
  wrapTime,
  type DirEntry,
  type IncompleteReason,
} from './dir-manifest.ts';
import { integerField, isObject, textField, textListField, wrongType } from './json-fields.ts';
import type { SourceInfo } from './source-info.ts';

/** Counters of one upload. Nothing is ever decided from them. */
export interface SnapshotStats {
  /** Bytes. */
  readonly totalSize: number;
  /** Bytes. */
  readonly excludedTotalSize: number;
  readonly fileCount: number;
  readonly cachedFiles: number;
  readonly nonCachedFiles: number;
  readonly dirCount: number;
  readonly excludedFileCount: number;
  readonly excludedDirCount: number;
  readonly ignoredErrorCount: number;
  readonly errorCount: number;
}

export const EMPTY_STATS: SnapshotStats = {
  totalSize: 0,
  excludedTotalSize: 0,
  fileCount: 0,
  cachedFiles: 0,
  nonCachedFiles: 0,
  dirCount: 0,
  excludedFileCount: 0,
  excludedDirCount: 0,
  ignoredErrorCount: 0,
  errorCount: 0,
};

/** A snapshot that is not saved yet. Source of the stored form: docs/format/snapshot.md. */
export interface SnapshotDraft {
  readonly source: SourceInfo;
  readonly description: string;
  readonly startTime: EpochNanoseconds;
  readonly endTime: EpochNanoseconds;
  readonly stats: SnapshotStats;
  /** Absent: the snapshot is complete. */
  readonly incomplete?: IncompleteReason | undefined;
  readonly rootEntry: DirEntry | undefined;
  /** Become labels of the manifest. Kopia's command line writes `tag:<key>`. */
  readonly tags: Readonly<Record<string, string>>;
  /** Sorted. A snapshot with a pin never expires. */
  readonly pins: readonly string[];
  /** Members that longshore does not know: written back as they were read. */
  readonly unknownFields?: Readonly<Record<string, unknown>> | undefined;
}

/** A saved snapshot. */
export interface SnapshotManifest extends SnapshotDraft {
  /** Changes with each update. */
  readonly id: ManifestID;
}

/** The members that are parsed. `storageStats` is computed for display and kept among the unknown ones. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set(
  [
    'id',
    'source',
    'description',
    'startTime',
    'endTime',
    'stats',
    'incomplete',
    'rootEntry',
    'tags',
    'pins',
  ].map((name) => name.toLowerCase()),
);

/** A member of the wrong type is CORRUPT_DATA naming the manifest and the member. */
export function parseSnapshotManifest(manifest: Manifest): SnapshotManifest {
  const { id } = manifest.entry;
  const { payload } = manifest;
  const what = `snapshot ${id}`;
  if (!isObject(payload)) throw wrongType('payload', 'a snapshot', what);
  const source = field(payload, 'source');
  const incomplete = textField(payload, 'incomplete', what);
  const rootEntry = field(payload, 'rootEntry') ?? undefined;
  const unknownFields = Object.entries(payload).filter(
    ([name]) => !KNOWN_FIELDS.has(name.toLowerCase()),
  );
  return {
    id,
    source: {
      host: textField(source, 'host', what),
      userName: textField(source, 'userName', what),
      path: textField(source, 'path', what),
    },
    description: textField(payload, 'description', what),
    startTime: timeField(payload, 'startTime', what),
    endTime: timeField(payload, 'endTime', what),
    stats: parseStats(field(payload, 'stats'), what),
    ...(incomplete === '' ? {} : { incomplete }),
    rootEntry: rootEntry === undefined ? undefined : parseDirEntry(rootEntry, what),
    tags: parseTags(field(payload, 'tags') ?? {}, what),
    pins: textListField(payload, 'pins', what),
    ...(unknownFields.length === 0 ? {} : { unknownFields: Object.fromEntries(unknownFields) }),
  };
}

function parseStats(stats: unknown, what: string): SnapshotStats {
  return {
    totalSize: integerField(stats, 'totalSize', what),
    excludedTotalSize: integerField(stats, 'excludedTotalSize', what),
    fileCount: integerField(stats, 'fileCount', what),
    cachedFiles: integerField(stats, 'cachedFiles', what),
    nonCachedFiles: integerField(stats, 'nonCachedFiles', what),
    dirCount: integerField(stats, 'dirCount', what),
    excludedFileCount: integerField(stats, 'excludedFileCount', what),
    excludedDirCount: integerField(stats, 'excludedDirCount', what),
    ignoredErrorCount: integerField(stats, 'ignoredErrorCount', what),
    errorCount: integerField(stats, 'errorCount', what),
  };
}

function parseTags(tags: unknown, what: string): Readonly<Record<string, string>> {
  if (!isObject(tags)) throw wrongType('tags', 'an object', what);
  return Object.fromEntries(
    Object.entries(tags).map(([key, value]) => {
      if (typeof value !== 'string') throw wrongType('tags', 'an object of strings', what);
      return [key, value];
    }),
  );
}

/** The payload that Kopia would store, its members in order. The ID is empty: it is that of the manifest. */
export function snapshotPayload(snapshot: SnapshotDraft): object {
  const { source, stats, rootEntry, tags, pins } = snapshot;
  const { storageStats, ...unknownFields } = snapshot.unknownFields ?? {};
  return {
    id: '',
    source: { host: source.host, userName: source.userName, path: source.path },
    description: snapshot.description,
    startTime: formatGoTime(wrapTime(snapshot.startTime)),
    endTime: formatGoTime(wrapTime(snapshot.endTime)),
    stats: {
      totalSize: stats.totalSize,
      excludedTotalSize: stats.excludedTotalSize,
      fileCount: stats.fileCount,
      cachedFiles: stats.cachedFiles,
      nonCachedFiles: stats.nonCachedFiles,
      dirCount: stats.dirCount,
      excludedFileCount: stats.excludedFileCount,
      excludedDirCount: stats.excludedDirCount,
      ignoredErrorCount: stats.ignoredErrorCount,
      errorCount: stats.errorCount,
    },
    incomplete: snapshot.incomplete || undefined,
    rootEntry: rootEntry === undefined ? null : new GoRawJSON(encodeDirEntry(rootEntry)),
    tags: Object.keys(tags).length === 0 ? undefined : sortedRecord(tags),
    storageStats: storageStats ?? undefined,
    pins: pins.length === 0 ? undefined : pins,
    ...unknownFields,
  };
}

/** By start, then by end: oldest first. */
export function compareSnapshotTimes(
  a: Pick<SnapshotDraft, 'startTime' | 'endTime'>,
  b: Pick<SnapshotDraft, 'startTime' | 'endTime'>,
): number {
  return compareTimes(a.startTime, b.startTime) || compareTimes(a.endTime, b.endTime);
}

function compareTimes(a: EpochNanoseconds, b: EpochNanoseconds): number {
  return a < b ? -1 : Number(a > b);
}
