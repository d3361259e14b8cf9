import { compareBytes, equalBytes } from '../../bytes.ts';
import { compareContentInfo } from '../content-info.ts';
import { createIndexRecord, type IndexRecord } from './index-record.ts';
import type { PackIndex } from './pack-index.ts';

/** Keys from `from` (inclusive) to `to` (exclusive); either may be left out. */
export interface KeyRange {
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
}

interface Cursor {
  readonly index: PackIndex;
  readonly end: number;
  entry: number;
  key: Uint8Array;
}

/**
 * All entries of several indexes in key order, one per content: the winner by the conflict rule, deleted
 * or not. Yields one reused record, valid until the next step.
 */
export function* mergeRecords(
  indexes: readonly PackIndex[],
  range: KeyRange = {},
): Generator<IndexRecord, void> {
  const heap = openCursors(indexes, range);
  let winner = createIndexRecord();
  let challenger = createIndexRecord();
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    const { key } = top;
    top.index.readRecord(top.entry, winner, key);
    advanceTop(heap, top);
    for (let next = heap[0]; next !== undefined && equalBytes(next.key, key); next = heap[0]) {
      next.index.readRecord(next.entry, challenger, next.key);
      if (compareContentInfo(challenger, winner) > 0) [winner, challenger] = [challenger, winner];
      advanceTop(heap, next);
    }
    yield winner;
  }
}

/** A binary heap: the smallest key is first. */
function openCursors(indexes: readonly PackIndex[], range: KeyRange): Cursor[] {
  const cursors: Cursor[] = [];
  for (const index of indexes) {
    const entry = range.from === undefined ? 0 : index.lowerBound(range.from);
    const end = range.to === undefined ? index.entryCount : index.lowerBound(range.to);
    if (entry < end) cursors.push({ index, entry, end, key: index.keyAt(entry) });
  }
  return cursors.sort((a, b) => compareBytes(a.key, b.key));
}

function advanceTop(heap: Cursor[], top: Cursor): void {
  top.entry += 1;
  if (top.entry < top.end) {
    top.key = top.index.keyAt(top.entry);
    siftDown(heap, top);
    return;
  }
  const last = heap.pop()!;
  if (heap.length > 0) siftDown(heap, last);
}

/** Puts `cursor`, which replaces the first one, where it belongs. */
function siftDown(heap: Cursor[], cursor: Cursor): void {
  let hole = 0;
  for (;;) {
    let child = 2 * hole + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && compareBytes(heap[child + 1]!.key, heap[child]!.key) < 0) {
      child += 1;
    }
    if (compareBytes(cursor.key, heap[child]!.key) <= 0) break;
    heap[hole] = heap[child]!;
    hole = child;
  }
  heap[hole] = cursor;
}
