/** Bytes and numbers that are the same for the same seed on every machine: what all data sets are made of. */
export interface SeededBytes {
  /** 0 (included) to 1 (not included). */
  readonly fraction: () => number;
  /** A whole number from `low` to `high`, both included. */
  readonly between: (low: number, high: number) => number;
  /** Overwrites `target` with bytes that no compressor shortens. */
  readonly fillRandom: (target: Uint8Array) => void;
  /** Overwrites `target` with words: compressible as prose is, and nowhere the same for long. */
  readonly fillText: (target: Uint8Array) => void;
}

const TEXT_POOL_LENGTH = 256 * 1024;
const MIN_SLICE = 24;
const MAX_SLICE = 120;

/** sfc32: fast, with a long period, and simple enough to be the same everywhere. */
export function createSeededBytes(seed: number): SeededBytes {
  let a = seed | 0;
  let b = 0x9e3779b9 | 0;
  let c = (seed ^ 0x5bf03635) | 0;
  let counter = 1;
  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum;
  }
  for (let i = 0; i < 16; i++) next();

  const fraction = (): number => (next() >>> 0) / 2 ** 32;
  const between = (low: number, high: number): number =>
    low + Math.floor(fraction() * (high - low + 1));
  function fillRandom(target: Uint8Array): void {
    const whole = target.length & ~3;
    const view = new DataView(target.buffer, target.byteOffset, target.length);
    for (let i = 0; i < whole; i += 4) view.setInt32(i, next(), true);
    for (let i = whole; i < target.length; i++) target[i] = next();
  }
  function fillText(target: Uint8Array): void {
    const pool = sharedTextPool();
    for (let done = 0; done < target.length;) {
      const length = Math.min(between(MIN_SLICE, MAX_SLICE), target.length - done);
      const start = between(0, pool.length - length);
      target.set(pool.subarray(start, start + length), done);
      done += length;
    }
  }
  return { fraction, between, fillRandom, fillText };
}

const TEXT_POOL_SEED = 20_260_101;
let textPool: Uint8Array | undefined;

/** One pool for all seeds: drawing it takes some milliseconds, and data sets have many small files. */
function sharedTextPool(): Uint8Array {
  textPool ??= drawTextPool(createSeededBytes(TEXT_POOL_SEED).between);
  return textPool;
}

/** Words of 2 to 10 letters, the frequent ones short, from a vocabulary drawn first. */
function drawTextPool(between: (low: number, high: number) => number): Uint8Array {
  const words = Array.from({ length: 4096 }, (_, index) => {
    const length = between(2, 4 + Math.floor(Math.log2(index + 1) / 2));
    return String.fromCharCode(...Array.from({ length }, () => between(0x61, 0x7a)));
  });
  const pool = new Uint8Array(TEXT_POOL_LENGTH);
  const encoder = new TextEncoder();
  for (let done = 0; done < pool.length;) {
    const rank = Math.min(between(0, 4095), between(0, 4095), between(0, 4095));
    const ending = between(0, 11) === 0 ? '.\n' : ' ';
    done += encoder.encodeInto(words[rank]! + ending, pool.subarray(done)).written || pool.length;
  }
  return pool;
}
