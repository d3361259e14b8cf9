import {
  createTarOutput,
  createZipOutput,
  gzipSink,
  type ArchiveOutput,
} from '@longshore/snapshot';
import { createArchiveFile } from '@longshore/snapshot/node';

/** Where a restore may go besides a folder. */
export type ArchiveKind = 'tar' | 'tgz' | 'zip' | 'zip-nocompress';

const SUFFIXES: readonly (readonly [suffix: string, kind: ArchiveKind])[] = [
  ['.zip', 'zip'],
  ['.tar', 'tar'],
  ['.tar.gz', 'tgz'],
  ['.tgz', 'tgz'],
];

/** By `--mode`, or with `auto` by the target's name; undefined: a folder. */
export function archiveKind(
  target: string,
  mode: ArchiveKind | 'auto' | 'local',
): ArchiveKind | undefined {
  if (mode === 'local') return undefined;
  if (mode !== 'auto') return mode;
  return SUFFIXES.find(([suffix]) => target.endsWith(suffix))?.[1];
}

/** `finish` gives the archive its name. */
export async function openArchive(
  kind: ArchiveKind,
  target: string,
  options: { readonly overwrite: boolean },
): Promise<ArchiveOutput> {
  const file = await createArchiveFile(target, options);
  if (kind === 'tar') return createTarOutput(file);
  if (kind === 'tgz') return createTarOutput(gzipSink(file));
  return createZipOutput(file, { compress: kind === 'zip' });
}
