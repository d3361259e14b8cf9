import type { Algorithms } from '../algorithms.ts';
import type { CompressorTable } from '../compression/compressor-table.ts';
import { createErrorCorrection } from '../ecc/reed-solomon-crc32.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import { ContentKernel } from './content-kernel.ts';

/** What of a format the kernel depends on. */
export type KernelFormat = Pick<
  RepositoryFormat,
  'hash' | 'secret' | 'encryption' | 'masterKey' | 'ecc'
>;

/** The kernel of a repository on the calling thread. */
export async function createContentKernel(
  algorithms: Algorithms,
  format: KernelFormat,
): Promise<ContentKernel> {
  const { hash, secret, encryption, masterKey, ecc } = format;
  return new ContentKernel({
    hash: await algorithms.createHash(hash, secret),
    cipher: await algorithms.createCipher(encryption, masterKey),
    errorCorrection: ecc === undefined ? undefined : createErrorCorrection(ecc.overheadPercent),
    compressors: compressorTable(algorithms),
  });
}

export function compressorTable(algorithms: Algorithms): CompressorTable {
  return {
    byName: (name) => algorithms.compressor(name),
    byHeaderID: (headerID) => algorithms.compressorByHeaderID(headerID),
  };
}
