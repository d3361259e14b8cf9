import { describe, expect, it } from 'vitest';
import { chooseUploads, propose, rankChoices } from './choices.ts';
import type { SampleProbe } from './runners/probe-sample.ts';
import type { PutRate, StorageProbe } from './runners/probe-storage.ts';

const MIB = 1024 ** 2;

const sample: SampleProbe = {
  files: 10,
  bytes: 1e8,
  averageFileSize: 1e7,
  readBytesPerSecond: 4e9,
  splitters: [
    {
      name: 'DYNAMIC-4M-BUZHASH',
      bytesPerSecond: 4e9,
      uniqueFraction: 0.8,
      contents: 30,
      maxSegmentSize: 8 * MIB,
    },
  ],
  hashes: [
    { name: 'BLAKE2B-256-128', bytesPerSecond: 1e9 },
    { name: 'BLAKE3-256-128', bytesPerSecond: 2e9 },
  ],
  ciphers: [{ name: 'AES256-GCM-HMAC-SHA256', bytesPerSecond: 2e9 }],
  compressors: [
    { name: 'none', bytesPerSecond: Number.MAX_VALUE, ratio: 1 },
    { name: 'zstd-fastest', bytesPerSecond: 1e9, ratio: 0.5 },
    { name: 'zstd-best-compression', bytesPerSecond: 1e7, ratio: 0.45 },
  ],
};

function storage(bytesPerSecond: number): StorageProbe {
  return {
    puts: [{ packSize: 20 * MIB, parallelism: 1, bytesPerSecond }],
    putSeconds: 0.01,
    getSeconds: 0.01,
    getBytesPerSecond: bytesPerSecond,
  };
}

describe('choices', () => {
  it('leave data as it is where the processor is what holds it back', () => {
    const [best] = rankChoices(sample, storage(1e11), 2);
    expect(best).toMatchObject({
      compression: 'none',
      hash: 'BLAKE3-256-128',
      boundBy: 'processor',
    });
    // 1/4 + 1/2 + 0.8/2 ns a byte, 85 % of two cores
    expect(best?.bytesPerSecond).toBeCloseTo((0.85 * 2 * 1e9) / 1.15, -3);
  });

  it('compress where the storage is slow, and only as hard as still keeps up with it', () => {
    const [best] = rankChoices(sample, storage(1e8), 2);
    expect(best).toMatchObject({ compression: 'zstd-fastest', boundBy: 'storage' });
    expect(best?.storedFraction).toBeCloseTo(0.4);
    const [onDialUp] = rankChoices(sample, storage(1e5), 2);
    expect(onDialUp?.compression).toBe('zstd-best-compression');
  });

  it('say how many packs a GB becomes', () => {
    const [best] = rankChoices(sample, storage(1e8), 2);
    expect(best?.putsPerGB).toBeCloseTo(4e8 / (20 * MIB));
  });

  it('propose memory that grows with cores and packs', () => {
    const two = propose(sample, storage(1e8), 2);
    const four = propose(sample, storage(1e8), 4);
    expect(two.memoryBytes).toBeGreaterThan(10 * 8 * MIB + 3 * 20 * MIB);
    expect(four.memoryBytes).toBeGreaterThan(two.memoryBytes + 4 * 8 * MIB);
  });
});

function put(parallelism: number, packMiB: number, bytesPerSecond: number): PutRate {
  return { parallelism, packSize: packMiB * MIB, bytesPerSecond };
}

describe('uploads', () => {
  it('take the fewest connections and the smallest packs that come near the best rate', () => {
    const puts = [put(1, 20, 50), put(2, 20, 96), put(4, 20, 100), put(4, 40, 99)];
    expect(chooseUploads(puts)).toMatchObject({ parallelUploads: 2, packSize: 20 * MIB });
    expect(chooseUploads([put(1, 20, 50), put(1, 40, 100)])).toMatchObject({ packSize: 40 * MIB });
  });

  it('need a measurement', () => {
    expect(() => chooseUploads([])).toThrow('no put was measured');
  });
});
