import type { Splitter } from './splitter.ts';

/** Cuts every `size` bytes. */
export class FixedSplitter implements Splitter {
  readonly minSegmentSize: number;
  readonly maxSegmentSize: number;
  #position = 0;

  constructor(size: number) {
    this.minSegmentSize = size;
    this.maxSegmentSize = size;
  }

  nextSplitPoint(data: Uint8Array): number {
    const remaining = this.maxSegmentSize - this.#position;
    if (data.length < remaining) {
      this.#position += data.length;
      return -1;
    }
    this.#position = 0;
    return remaining;
  }

  reset(): void {
    this.#position = 0;
  }
}
