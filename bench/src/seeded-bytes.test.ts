import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createSeededBytes } from './seeded-bytes.ts';

function digest(seed: number, kind: 'fillRandom' | 'fillText'): string {
  const bytes = new Uint8Array(100_003);
  createSeededBytes(seed)[kind](bytes);
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

describe('seeded bytes', () => {
  it('are the same on every machine for the same seed, and other bytes for another', () => {
    expect([digest(1, 'fillRandom'), digest(2, 'fillRandom')]).toMatchInlineSnapshot(`
      [
        "c1db42aa3fb67c8c",
        "41655c2fcd3b218c",
      ]
    `);
    expect([digest(1, 'fillText'), digest(2, 'fillText')]).toMatchInlineSnapshot(`
      [
        "1bc5c581d6091253",
        "ef2a94b2ac190bb3",
      ]
    `);
  });

  it('are incompressible when random, and shrink as prose does when text', () => {
    const bytes = new Uint8Array(1_000_000);
    const seeded = createSeededBytes(5);
    seeded.fillRandom(bytes);
    expect(zstdCompressSync(bytes).length).toBeGreaterThan(bytes.length);
    seeded.fillText(bytes);
    const ratio = zstdCompressSync(bytes).length / bytes.length;
    expect(ratio).toBeGreaterThan(0.1);
    expect(ratio).toBeLessThan(0.5);
  });

  it('draws whole numbers within both limits', () => {
    const seeded = createSeededBytes(9);
    const drawn = new Set(Array.from({ length: 500 }, () => seeded.between(3, 6)));
    expect([...drawn].toSorted((a, b) => a - b)).toEqual([3, 4, 5, 6]);
  });
});
