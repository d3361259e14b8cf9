/** `X:` of a Windows path and the rest; no volume for any other path. */
function splitVolume(path: string): { readonly volume: string; readonly rest: string } {
  return /^[^]:[/\\]/.test(path)
    ? { volume: path.slice(0, 2), rest: path.slice(2) }
    : { volume: '', rest: path };
}

/** `/`, or the root of a Windows volume. */
export function isRootPath(path: string): boolean {
  const { volume, rest } = splitVolume(path);
  return rest === '/' || (volume !== '' && rest === '\\');
}

/** The directory above, whichever system the path is from; a root, or a path without separators, is its own parent. */
export function parentPath(path: string): string {
  const { volume, rest } = splitVolume(path);
  const trimmed = rest.length > 1 && /[/\\]$/.test(rest) ? rest.slice(0, -1) : rest;
  const last = Math.max(trimmed.lastIndexOf('/'), trimmed.lastIndexOf('\\'));
  if (last < 0) return path;
  return volume + trimmed.slice(0, Math.max(last, 1));
}

/** `path` and every directory above it, up to the root. */
export function pathAndParents(path: string): readonly string[] {
  const paths: string[] = [];
  for (let next = path; next !== paths.at(-1); next = parentPath(next)) paths.push(next);
  return paths;
}

/** The path of `child` relative to `parent`, with `/`; undefined if it does not lie below. */
export function relativePathBelow(parent: string, child: string): string | undefined {
  const base = parent.replace(/\/$/, '').replace(/\\$/, '');
  if (!child.startsWith(`${base}/`) && !child.startsWith(`${base}\\`)) return undefined;
  const relative = child.slice(base.length + 1);
  if (relative === '') return undefined;
  return splitVolume(parent).volume === '' ? relative : relative.replaceAll('\\', '/');
}
