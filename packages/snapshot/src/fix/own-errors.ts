import type { DirEntry, DirSummary, EntryError } from '../dir-manifest.ts';
import type { DirManifestBuilder } from '../dir-manifest-builder.ts';

/**
 * Adds to the builder of a rewritten directory the errors that its old summary recorded of its own entries: what was
 * not backed up then is still not there. Kopia forgets them.
 */
export function addOwnErrors(
  builder: DirManifestBuilder,
  summary: DirSummary,
  entries: readonly DirEntry[],
): void {
  const below = new Set<string>();
  let belowIgnored = 0;
  let belowFailed = 0;
  for (const child of entries) {
    if (child.type !== 'd' || child.summary === undefined) continue;
    belowIgnored += child.summary.numIgnoredErrors;
    belowFailed += child.summary.numFailed;
    for (const { path } of child.summary.errors) below.add(path);
  }
  const own = summary.errors.filter(({ path }) => !below.has(path));
  const ignored = Math.max(0, summary.numIgnoredErrors - belowIgnored);
  const failed = Math.max(0, summary.numFailed - belowFailed);
  // Which of them are ignored is not recorded, only how many.
  const marks: readonly (readonly [EntryError, boolean])[] = own.map((error, index) => [
    error,
    index >= failed && index < failed + ignored,
  ]);
  for (const [error, isIgnored] of marks) builder.addError(error, isIgnored);
}
