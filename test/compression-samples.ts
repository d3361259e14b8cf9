/** A reproducible sequence of numbers from 0 up to 1 (the 32-bit mixer of MurmurHash3 over a counter). */
export function createRandom(seed: number): () => number {
  let counter = seed;
  return () => {
    counter = (counter + 0x9e3779b9) | 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(256 * random()));
}

/** Skewed literals between copies from near and far: what a compressor has to work for. */
export function repetitiveBytes(length: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  const data = new Uint8Array(length);
  for (let i = 0; i < length;) {
    if (i > 64 && random() < 0.05) {
      const distance = 1 + Math.floor(random() ** 3 * (i - 1));
      const end = Math.min(length, i + 3 + Math.floor(random() ** 4 * 2000));
      for (; i < end; i++) data[i] = data[i - distance]!;
    } else {
      data[i++] = Math.floor(random() * random() * 100);
    }
  }
  return data;
}

/** Inputs that take each other's paths through a compressor: empty, tiny, runs, noise, several blocks. */
export const COMPRESSION_SAMPLES: ReadonlyMap<string, Uint8Array> = new Map([
  ['no bytes', new Uint8Array(0)],
  ['one byte', Uint8Array.of(7)],
  ['31 bytes', new Uint8Array(31).fill(3)],
  ['32 bytes', new Uint8Array(32).fill(3)],
  ['a long run', new Uint8Array(2_500_000)],
  ['noise', randomBytes(70_000, 1)],
  ['a few symbols', randomBytes(100_000, 2).map((byte) => byte & 3)],
  ['text', new TextEncoder().encode('The same sentence, again and again. '.repeat(3000))],
  ['far repeats', repeated(randomBytes(100_003, 3), 1_500_000)],
  ['mixed', repetitiveBytes(1_300_000, 4)],
]);

function repeated(unit: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => unit[i % unit.length]!);
}
