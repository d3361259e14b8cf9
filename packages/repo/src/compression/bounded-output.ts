import { StreamDamage } from './stream-damage.ts';

const SMALLEST_BUFFER = 1 << 16;

/**
 * Decompressed bytes, never more than `limit`. Starts small and doubles, so that a tiny stream with a huge
 * limit cannot make us allocate more than it really holds. Kernels write to `bytes` and move `length`;
 * `bytes` is another array after each `reserve`.
 */
export class BoundedOutput {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;
  readonly #limit: number;

  constructor(limit: number, streamLength: number) {
    this.#limit = limit;
    this.bytes = new Uint8Array(Math.min(limit, Math.max(SMALLEST_BUFFER, 8 * streamLength)));
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    if (needed > this.#limit) this.#overflow();
    const larger = new Uint8Array(Math.min(this.#limit, Math.max(needed, 2 * this.bytes.length)));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  /** Fails early if the `count` bytes that a stream announces would not fit. Allocates nothing. */
  expect(count: number): void {
    if (this.length + count > this.#limit) this.#overflow();
  }

  append(data: Uint8Array): void {
    this.reserve(data.length);
    this.bytes.set(data, this.length);
    this.length += data.length;
  }

  /** What was written since `start`, as a view. */
  since(start: number): Uint8Array {
    return this.bytes.subarray(start, this.length);
  }

  /** Everything written, owned by the caller and without slack. */
  finish(): Uint8Array {
    return this.length === this.bytes.length ? this.bytes : this.bytes.slice(0, this.length);
  }

  #overflow(): never {
    throw new StreamDamage(`holds more than ${this.#limit} bytes`);
  }
}
