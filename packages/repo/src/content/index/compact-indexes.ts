import { hasCode } from '../../errors.ts';
import { buildIndexFromSorted } from './index-builder.ts';
import { mergeRecords } from './merge-records.ts';
import { openPackIndex, type PackIndex } from './pack-index.ts';

/**
 * Several indexes merged into one in memory, so that a look-up searches one place instead of many.
 * Nothing is lost: losers of the conflict rule are the only entries that it drops. Undefined if version
 * 2 cannot say what the inputs hold, which then stay as they are.
 */
export function compactIndexes(indexes: readonly PackIndex[]): PackIndex | undefined {
  try {
    const [data, ...others] = buildIndexFromSorted(() => mergeRecords(indexes), { version: 2 });
    if (data === undefined || others.length > 0) return undefined;
    return openPackIndex(data, 'index merged in memory', { v1Overhead: 0 });
  } catch (error) {
    if (hasCode(error, 'INVALID_ARGUMENT')) return undefined;
    throw error;
  }
}
