import { describeError, type Repository } from '@longshore/repo';
import { findEntry, type DirEntry, type SnapshotManifest } from '@longshore/snapshot';
import type { CommandContext } from '../context.ts';
import { compactReasons } from '../output/compact-reasons.ts';
import { modeString } from '../output/mode-string.ts';
import { mayColor, printable, red } from '../output/terminal.ts';
import { compressionPercent, formatBytes } from '../output/units.ts';
import type { SnapshotListFlags } from './snapshot-list.ts';
import type { StorageStats } from './storage-usage.ts';

/** A snapshot and what is known about it besides. */
export interface ListedSnapshot {
  readonly snapshot: SnapshotManifest;
  readonly reasons: readonly string[];
  readonly storageStats: StorageStats | undefined;
}

interface Row {
  readonly first: SnapshotManifest;
  last: SnapshotManifest;
  count: number;
  readonly entry: DirEntry;
  readonly fields: readonly string[];
  readonly reasons: string[];
  readonly pins: Set<string>;
}

/** One line a snapshot, or a run of identical ones. `path`: show what lies there instead of the root. */
export async function printSnapshotRows(
  context: CommandContext,
  repository: Repository,
  listed: AsyncIterable<ListedSnapshot>,
  flags: SnapshotListFlags,
  path: string | undefined,
): Promise<void> {
  const rows: Row[] = [];
  let previousSize: number | undefined;
  for await (const item of listed) {
    const { snapshot, reasons } = item;
    if (snapshot.incomplete !== undefined && !flags.incomplete) continue;
    const entry = await shownEntry(context, repository, snapshot, path);
    if (entry === undefined) continue;
    const fields = fieldsOf(context, item, entry, flags, previousSize);
    if (snapshot.incomplete === undefined) previousSize = snapshot.stats.totalSize;
    const last = rows.at(-1);
    if (last?.entry.objectID === entry.objectID && last !== undefined && !flags['show-identical']) {
      last.count += 1;
      last.last = snapshot;
      last.reasons.push(...reasons);
      for (const pin of snapshot.pins) last.pins.add(pin);
    } else {
      const pins = new Set(snapshot.pins);
      rows.push({
        first: snapshot,
        last: snapshot,
        count: 1,
        entry,
        fields,
        reasons: [...reasons],
        pins,
      });
    }
  }
  for (const row of rows) printRow(context, row, flags);
}

async function shownEntry(
  context: CommandContext,
  repository: Repository,
  { rootEntry, source, startTime }: SnapshotManifest,
  path: string | undefined,
): Promise<DirEntry | undefined> {
  try {
    if (rootEntry === undefined) throw new Error('it has no root');
    const below = path === undefined ? '' : path.slice(source.path.length);
    return await findEntry(repository, rootEntry, below, { signal: context.signal });
  } catch (error) {
    context.signal.throwIfAborted();
    context.print(
      `  ${context.times.show(startTime)} <ERROR> ${printable(describeError(error))}\n`,
    );
    return undefined;
  }
}

function fieldsOf(
  { times }: CommandContext,
  { snapshot, storageStats }: ListedSnapshot,
  entry: DirEntry,
  flags: SnapshotListFlags,
  previousSize: number | undefined,
): readonly string[] {
  const { summary } = entry;
  const size = summary?.size ?? entry.size;
  const delta = previousSize === undefined ? 0 : size - previousSize;
  const added = storageStats?.newData;
  return [
    ...(snapshot.incomplete === undefined ? [] : [`incomplete:${snapshot.incomplete}`]),
    flags['human-readable'] ? formatBytes(size) : String(size),
    modeString(entry),
    ...(flags.owner ? [`uid:${entry.uid}`, `gid:${entry.gid}`] : []),
    ...(flags.mtime ? [`modified:${times.show(entry.mtime)}`] : []),
    ...(flags['manifest-id'] ? [`manifest:${snapshot.id}`] : []),
    ...(flags.delta && delta > 0 ? [`(+${formatBytes(delta)})`] : []),
    ...(summary === undefined || entry.type !== 'd'
      ? []
      : [
          `files:${summary.files}`,
          `dirs:${summary.dirs}`,
          ...(summary.numFailed > 0 ? [`errors:${summary.numFailed}`] : []),
        ]),
    ...(added === undefined
      ? []
      : [
          `new-data:${formatBytes(added.packedContentBytes)}`,
          `new-files:${added.fileObjects}`,
          `new-dirs:${added.dirObjects}`,
          `compression:${compressionPercent(added.originalContentBytes, added.packedContentBytes)}`,
        ]),
  ];
}

function printRow(context: CommandContext, row: Row, flags: SnapshotListFlags): void {
  const { first, last, count, entry } = row;
  const reasons = compactReasons(row.reasons);
  const fields = [
    ...row.fields,
    ...(flags.retention && reasons.length > 0 ? [`(${reasons.join(',')})`] : []),
    ...(row.pins.size > 0 ? [`pins:${[...row.pins].sort().join(',')}`] : []),
  ];
  const text = `  ${context.times.show(first.startTime)} ${entry.objectID ?? ''} ${fields.join(' ')}`;
  const failed = (entry.summary?.numFailed ?? 0) > 0;
  const colored = failed && mayColor(context.stdout, context.env, context.flags);
  context.print(`${colored ? red(text) : text}\n`);
  if (count > 1) {
    const until = context.times.show(last.startTime);
    context.print(`  + ${count - 1} identical snapshots until ${until}\n`);
  }
}
