import { LongshoreError } from '../errors.ts';
import type { Compressor, CompressorName } from './compressor.ts';

/** All compressors of one platform, by Kopia's name and by the ID stored in front of a content. */
export interface CompressorTable {
  byName(name: CompressorName): Compressor;
  /** Undefined for an ID that no known Kopia release writes. */
  byHeaderID(headerID: number): Compressor | undefined;
}

/** A table of these compressors; `byName` throws UNSUPPORTED for a name that is not among them. */
export function createCompressorTable(compressors: Iterable<Compressor>): CompressorTable {
  const byName = new Map<CompressorName, Compressor>();
  const byHeaderID = new Map<number, Compressor>();
  for (const compressor of compressors) {
    byName.set(compressor.name, compressor);
    byHeaderID.set(compressor.headerID, compressor);
  }
  return {
    byName(name) {
      const compressor = byName.get(name);
      if (compressor === undefined) {
        throw new LongshoreError('UNSUPPORTED', `compression ${name} is not available here`);
      }
      return compressor;
    },
    byHeaderID: (headerID) => byHeaderID.get(headerID),
  };
}
