import { type HashSearch, WINDOW_SIZE } from './hash-search.ts';
import type { Splitter } from './splitter.ts';

/**
 * Cuts where the hash of the last 64 bytes has no bit of `averageSize - 1`, first tested after half the average and forced
 * after twice the average. The minimum is far longer than the window, so no window reaches into the chunk before and the
 * bytes before `min - 64` are never looked at.
 */
export class DynamicSplitter implements Splitter {
  readonly minSegmentSize: number;
  readonly maxSegmentSize: number;
  readonly #mask: number;
  readonly #search: HashSearch;
  /** Bytes of the current chunk consumed by earlier calls. */
  #position = 0;
  /** The last 64 bytes consumed, then room for the bytes whose windows reach back into them. */
  readonly #seam = new Uint8Array(2 * WINDOW_SIZE - 1);

  /** `averageSize` in bytes is a power of two above 128. */
  constructor(averageSize: number, search: HashSearch) {
    this.minSegmentSize = averageSize / 2;
    this.maxSegmentSize = averageSize * 2;
    this.#mask = averageSize - 1;
    this.#search = search;
  }

  nextSplitPoint(data: Uint8Array): number {
    const cut = this.#findCut(data);
    if (cut >= 0) {
      this.#position = 0;
      return cut;
    }
    this.#remember(data);
    this.#position += data.length;
    return -1;
  }

  reset(): void {
    this.#position = 0;
  }

  #findCut(data: Uint8Array): number {
    const first = Math.max(this.minSegmentSize - this.#position, 1);
    const forced = this.maxSegmentSize - this.#position;
    const last = Math.min(data.length, forced);
    if (first > last) return -1;
    if (first < WINDOW_SIZE) {
      const cut = this.#findCutAtSeam(data, first, Math.min(last, WINDOW_SIZE - 1));
      if (cut >= 0) return cut;
    }
    if (last >= WINDOW_SIZE) {
      const cut = this.#search(data, Math.max(first, WINDOW_SIZE), last, this.#mask);
      if (cut >= 0) return cut;
    }
    return last === forced ? forced : -1;
  }

  /** Candidates whose windows lie partly in earlier data. */
  #findCutAtSeam(data: Uint8Array, first: number, last: number): number {
    this.#seam.set(data.subarray(0, last), WINDOW_SIZE);
    const cut = this.#search(this.#seam, WINDOW_SIZE + first, WINDOW_SIZE + last, this.#mask);
    return cut < 0 ? -1 : cut - WINDOW_SIZE;
  }

  #remember(data: Uint8Array): void {
    // Far from the minimum nothing of these bytes can be in the window of a candidate.
    if (this.#position + data.length <= this.minSegmentSize - WINDOW_SIZE) return;
    const kept = Math.min(data.length, WINDOW_SIZE);
    this.#seam.copyWithin(0, kept, WINDOW_SIZE);
    this.#seam.set(data.subarray(data.length - kept), WINDOW_SIZE - kept);
  }
}
