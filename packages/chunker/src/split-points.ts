import type { Splitter } from './splitter.ts';

/**
 * All cuts of one whole stream, as offsets in bytes, ascending. Bytes after the last cut are the final segment; a stream
 * that ends on a cut has none. The splitter is reset before and after.
 */
export function findSplitPoints(data: Uint8Array, splitter: Splitter): number[] {
  const cuts: number[] = [];
  splitter.reset();
  let start = 0;
  while (start < data.length) {
    const length = splitter.nextSplitPoint(data.subarray(start));
    if (length < 0) break;
    start += length;
    cuts.push(start);
  }
  splitter.reset();
  return cuts;
}
