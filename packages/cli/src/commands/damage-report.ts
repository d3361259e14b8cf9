import type { ContentID, OpenRepository } from '@longshore/repo';
import { findDamagedEntries, formatSource } from '@longshore/snapshot';
import type { CommandContext } from '../context.ts';

/** Files whose snapshots and paths are printed; all are counted. */
const MAX_NAMED = 10_000;

/** A damaged file or folder, as `--json` shows it. */
export interface DamagedFile {
  readonly snapshot: string;
  readonly source: string;
  readonly startTime: string;
  readonly path: string;
  readonly objectID: string | undefined;
  readonly contentID: string;
}

export interface DamageReport {
  /** The first 10 000. */
  readonly files: readonly DamagedFile[];
  readonly count: number;
}

/** Says which files of which snapshots are lost with these contents. */
export async function reportDamage(
  context: CommandContext,
  repository: OpenRepository,
  lost: ReadonlySet<ContentID>,
): Promise<DamageReport> {
  if (lost.size === 0) return { files: [], count: 0 };
  const { log, signal, times } = context;
  const files: DamagedFile[] = [];
  let count = 0;
  for await (const damaged of findDamagedEntries(repository, (id) => lost.has(id), { signal })) {
    const { snapshot, path, entry, contentID } = damaged;
    count += 1;
    if (files.length >= MAX_NAMED) continue;
    const source = formatSource(snapshot.source);
    const startTime = times.show(snapshot.startTime);
    log.error(`lost: ${source}@${startTime}/${path}`);
    files.push({
      snapshot: snapshot.id,
      source,
      startTime,
      path,
      objectID: entry.objectID,
      contentID,
    });
  }
  return { files, count };
}
