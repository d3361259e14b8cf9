import type { DirectoryEntry, Entry, FileEntry, SnapshotManifest } from '@longshore/snapshot';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExpectedWork } from './upload-progress.ts';

/** Directories looked at before the upload gets its turn. */
const DIRECTORIES_PER_TURN = 4;

/** What the snapshot before held: known at once, and close enough. */
export function workOfSnapshot(snapshot: SnapshotManifest | undefined): ExpectedWork | undefined {
  const summary = snapshot?.rootEntry?.summary;
  if (summary === undefined || snapshot?.incomplete !== undefined) return undefined;
  return { files: summary.files, bytes: summary.size };
}

/** Counts a local tree beside the upload. Ignore rules are not applied: the estimate may be too high. */
export async function countTree(
  root: DirectoryEntry | FileEntry,
  signal: AbortSignal,
): Promise<ExpectedWork | undefined> {
  let files = 0;
  let bytes = 0;
  const stack: Entry[] = [root];
  for (let directories = 0; stack.length > 0 && !signal.aborted;) {
    const entry = stack.pop()!;
    if (entry.type === 'f') {
      files += 1;
      bytes += entry.size;
    }
    if (entry.type !== 'd') continue;
    try {
      stack.push(...(await entry.readChildren({ signal })));
    } catch {
      // The upload meets the same error and reports it.
      continue;
    }
    directories += 1;
    if (directories % DIRECTORIES_PER_TURN === 0) await sleep(1);
  }
  return signal.aborted ? undefined : { files, bytes };
}
