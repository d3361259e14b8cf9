import { COMPRESSION_HEADER_IDS, type CompressorName } from '@longshore/repo';
import type { CompressionPolicy, MetadataCompressionPolicy } from './policy.ts';

/** What Kopia no longer writes either. */
const READ_ONLY: ReadonlySet<CompressorName> = new Set(['lz4']);

/**
 * The compressor for a file; undefined: none. `sizeBytes` is its size before it is read. `onlyCompress` excludes
 * nothing: it only overrides `neverCompress`. An unknown compressor means none. All of this is as in Kopia.
 */
export function fileCompressor(
  policy: CompressionPolicy,
  name: string,
  sizeBytes: number,
): CompressorName | undefined {
  const {
    compressorName,
    minSize = 0,
    maxSize = 0,
    onlyCompress = [],
    neverCompress = [],
  } = policy;
  const compressor = namedCompressor(compressorName);
  if (compressor === undefined) return undefined;
  if (minSize > 0 && sizeBytes < minSize) return undefined;
  if (maxSize > 0 && sizeBytes > maxSize) return undefined;
  const extension = fileExtension(name);
  if (onlyCompress.includes(extension)) return compressor;
  return neverCompress.includes(extension) ? undefined : compressor;
}

/** The compressor for directory manifests and index objects; undefined: none. */
export function metadataCompressor(policy: MetadataCompressionPolicy): CompressorName | undefined {
  return namedCompressor(policy.compressorName);
}

/** From the last dot to the end, the dot included: `.bashrc` is all extension, `Makefile` has none. */
function fileExtension(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot);
}

/** As in Kopia, a name that cannot be written with means no compression: an old policy must not end backups. */
function namedCompressor(name: string | undefined): CompressorName | undefined {
  if (name === undefined || !isCompressorName(name) || READ_ONLY.has(name)) return undefined;
  return name;
}

export function isCompressorName(name: string): name is CompressorName {
  return Object.hasOwn(COMPRESSION_HEADER_IDS, name);
}
