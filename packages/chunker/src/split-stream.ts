import type { Splitter } from './splitter.ts';

/**
 * Cuts a stream into segments. Each yielded array is a fresh copy that belongs to the caller, so the source may reuse its
 * buffers; an empty source yields nothing. Holds at most two segments. The splitter is reset first; stopping early ends the
 * source.
 */
export async function* split(
  source: AsyncIterable<Uint8Array>,
  splitter: Splitter,
): AsyncGenerator<Uint8Array, void, void> {
  const pending = new PendingSegment(splitter.maxSegmentSize);
  splitter.reset();
  for await (const piece of source) {
    let rest = piece;
    while (rest.length > 0) {
      const length = splitter.nextSplitPoint(rest);
      if (length < 0) {
        pending.append(rest);
        break;
      }
      yield pending.complete(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  }
  if (pending.length > 0) yield pending.complete(new Uint8Array(0));
}

/** The bytes of the segment whose cut has not been seen; grows by doubling, up to the longest segment. */
class PendingSegment {
  length = 0;
  readonly #limit: number;
  #buffer = new Uint8Array(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  append(data: Uint8Array): void {
    const length = this.length + data.length;
    if (length > this.#buffer.length) {
      const capacity = Math.min(this.#limit, Math.max(length, 2 * this.#buffer.length));
      const grown = new Uint8Array(capacity);
      grown.set(this.#buffer.subarray(0, this.length));
      this.#buffer = grown;
    }
    this.#buffer.set(data, this.length);
    this.length = length;
  }

  complete(end: Uint8Array): Uint8Array {
    const segment = new Uint8Array(this.length + end.length);
    segment.set(this.#buffer.subarray(0, this.length));
    segment.set(end, this.length);
    this.length = 0;
    return segment;
  }
}
