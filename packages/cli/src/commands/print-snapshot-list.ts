import { describeError } from '@longshore/repo';
import {
  compareSnapshotTimes,
  formatSource,
  getEffectivePolicy,
  listSnapshots,
  pathAndParents,
  retentionReasons,
  timeZoneOffset,
  type SnapshotManifest,
  type SourceInfo,
} from '@longshore/snapshot';
import { parseTags, sourceOf } from '../connection/sources.ts';
import type { Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { JSONList } from '../output/json-output.ts';
import { snapshotJSON } from '../output/snapshot-json.ts';
import type { SnapshotListFlags } from './snapshot-list.ts';
import { createStorageUsage, type StorageStats } from './storage-usage.ts';
import { printSnapshotRows, type ListedSnapshot } from './snapshot-rows.ts';

/** Snapshots by source; `path`: only of that path and of folders above it. */
export async function printSnapshotList(
  context: CommandContext,
  connection: Connection,
  flags: SnapshotListFlags,
  path: string | undefined,
): Promise<void> {
  const tags = parseTags(flags.tags);
  const wanted = path === undefined ? undefined : sourceOf(context, connection.identity, path);
  const snapshots = await findSnapshots(context, connection, wanted, tags);
  const groups = [...Map.groupBy(snapshots, ({ source }) => formatSource(source))];
  groups.sort(([a], [b]) => (a < b ? -1 : 1));
  const list = flags.json ? new JSONList(context, flags) : undefined;
  const listed = groups.filter(
    ([, [first]]) => list !== undefined || flags.all || isOwn(connection, first!.source),
  );
  let separator = '';
  for (const [name, group] of listed) {
    const rows = listedRows(context, connection, group, flags);
    if (list === undefined) {
      context.print(`${separator}${name}\n`);
      separator = '\n';
      await printSnapshotRows(context, connection.repository, rows, flags, wanted?.path);
    } else {
      for await (const row of rows) list.add(rowJSON(row, flags));
    }
  }
  list?.end();
  if (list === undefined && listed.length === 0 && snapshots.length > 0) {
    context.log.info('No snapshots of this user and host; --all shows those of others.');
  }
}

/** Snapshots of the path itself, then of each folder above it. */
async function findSnapshots(
  { signal }: CommandContext,
  { repository }: Connection,
  wanted: SourceInfo | undefined,
  tags: Readonly<Record<string, string>>,
): Promise<readonly SnapshotManifest[]> {
  const sources =
    wanted === undefined
      ? [undefined]
      : pathAndParents(wanted.path).map((path) => ({ ...wanted, path }));
  const found: SnapshotManifest[] = [];
  for (const source of sources) {
    for (const snapshot of await listSnapshots(repository, source, { signal })) {
      const hasTags = Object.entries(tags).every(([key, value]) => snapshot.tags[key] === value);
      if (hasTags) found.push(snapshot);
    }
  }
  return found;
}

function isOwn({ identity }: Connection, { host, userName }: SourceInfo): boolean {
  return host === identity.hostName && userName === identity.userName;
}

async function* listedRows(
  context: CommandContext,
  { repository }: Connection,
  group: readonly SnapshotManifest[],
  flags: SnapshotListFlags,
): AsyncGenerator<ListedSnapshot, void, void> {
  const reasons = await reasonsOf(context, repository, group);
  const ordered = group
    .map((snapshot, index) => ({ snapshot, reasons: reasons[index] ?? [] }))
    .sort((a, b) => compareSnapshotTimes(a.snapshot, b.snapshot));
  if (flags.reverse) ordered.reverse();
  const { 'max-results': limit, 'storage-stats': withUsage } = flags;
  const rows = limit > 0 ? ordered.slice(-limit) : ordered;
  const usage = withUsage ? createStorageUsage(repository, context.signal) : undefined;
  for (const row of rows) {
    const storageStats: StorageStats | undefined = await usage?.add(row.snapshot);
    yield { ...row, storageStats };
  }
}

async function reasonsOf(
  context: CommandContext,
  repository: Connection['repository'],
  group: readonly SnapshotManifest[],
): Promise<readonly (readonly string[])[]> {
  const source = group[0]!.source;
  try {
    const { policy } = await getEffectivePolicy(repository, source, { signal: context.signal });
    const zone = timeZoneOffset(new Intl.DateTimeFormat().resolvedOptions().timeZone);
    return retentionReasons(group, policy.retention, zone);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.error(`no policy for ${formatSource(source)}: ${describeError(error)}`);
    return [];
  }
}

function rowJSON({ snapshot, reasons, storageStats }: ListedSnapshot, flags: SnapshotListFlags) {
  return snapshotJSON(snapshot, {
    withStats: true,
    ...(storageStats === undefined ? {} : { storageStats }),
    ...(flags.retention ? { retentionReasons: reasons } : {}),
  });
}
