import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom, randomBytes } from '../../../../test/compression-samples.ts';
import { decodeHex, encodeHex, equalBytes } from '../bytes.ts';
import { crc32 } from '../compression/crc32.ts';
import { hasCode } from '../errors.ts';
import { eccParameters, geometryOfStored } from './ecc-geometry.ts';
import { createErrorCorrection, type ErrorCorrection } from './reed-solomon-crc32.ts';

const WHAT = 'a test';
const SOME_PERCENTAGES = [1, 2, 3, 4, 5, 6, 7, 10, 20, 33, 50, 100];
const corrections = new Map(
  SOME_PERCENTAGES.map((percent) => [percent, createErrorCorrection(percent)] as const),
);

function encode(correction: ErrorCorrection, input: Uint8Array): Uint8Array {
  // Packs are filled over old bytes: whatever the target held must not matter.
  const target = new Uint8Array(correction.encodedLength(input.length)).fill(0xa5);
  correction.encodeInto(input, target);
  return target;
}

function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i);
}

/** The bytes, or undefined if the damage was refused. */
function attempt(correction: ErrorCorrection, stored: Uint8Array): Uint8Array | undefined {
  try {
    return correction.decode(stored, WHAT).data;
  } catch (error) {
    if (hasCode(error, 'CORRUPT_DATA')) return undefined;
    throw error;
  }
}

/** Offset and length of every stored frame (CRC and shard), by block. */
function framesByBlock(percent: number, stored: Uint8Array): { start: number; end: number }[][] {
  const geometry = geometryOfStored(eccParameters(percent), stored.length);
  const { blocks, dataShards, parityShards, shardLength } = geometry;
  const frameLength = 4 + shardLength;
  const result: { start: number; end: number }[][] = Array.from({ length: blocks }, () => []);
  for (let frame = 0; frame * frameLength < stored.length; frame++) {
    const dataFrame = frame - blocks * parityShards;
    const block = Math.floor(dataFrame < 0 ? frame / parityShards : dataFrame / dataShards);
    const start = frame * frameLength;
    result[block]!.push({ start, end: Math.min(start + frameLength, stored.length) });
  }
  return result;
}

/** Picks `count` of `items`, each once. */
function pick<T>(items: readonly T[], count: number, random: () => number): T[] {
  const rest = [...items];
  return Array.from({ length: Math.min(count, rest.length) }, () =>
    rest.splice(Math.floor(random() * rest.length), 1),
  ).flat();
}

describe('REED-SOLOMON-CRC32', () => {
  it("writes Kopia's bytes for a small input", () => {
    const input = decodeHex(
      'af8d041533054db03fd59e10f0aa24c347106030f1e0ffa9f7f10b77476e0bb7fec496b53aaaaed2e13125e951786e',
    )!;
    expect(encodeHex(encode(createErrorCorrection(10), input))).toBe(
      [
        ['897721dc49bb4a532c292471be', '6a2b439d0e2333bc038901ad8e'],
        ['72dbea320000002faf8d041533', 'e94c1280054db03fd59e10f0aa', 'e12444d324c347106030f1e0ff'],
        ['4ae7b971a9f7f10b77476e0bb7', 'fe6cd8f4fec496b53aaaaed2e1', '2d64bfa53125e951786e000000'],
      ]
        .flat()
        .join(''),
    );
  });

  it.each([
    [2000, 2640, '7b35341cd5a3adc98943031ab28efd53e2b8f8466bd1a8cb8821c110b527b10a'],
    [20_000, 22_072, 'f0952e967934f41e6d9d6b5f78021dcdb3b5c4aea622868360faba1a0dab02b4'],
  ])("writes Kopia's bytes for %i bytes", (length, storedLength, sha256) => {
    const stored = encode(createErrorCorrection(10), counting(length));
    expect(stored).toHaveLength(storedLength);
    expect(createHash('sha256').update(stored).digest('hex')).toBe(sha256);
  });

  it('refuses a target of another length', () => {
    expect(() => createErrorCorrection(5).encodeInto(counting(9), new Uint8Array(63))).toThrow(
      RangeError,
    );
  });

  it.each([...corrections])('at %i %% gives back every length', (percent, correction) => {
    const { smallInputLimit, singleBlockInputLimit, dataShards, maxShardLength } =
      eccParameters(percent);
    const input = randomBytes(3 * singleBlockInputLimit + 100, percent);
    const lengths = new Set([
      ...Array.from({ length: percent === 10 ? 3001 : 200 }, (_, i) => i),
      ...[smallInputLimit, singleBlockInputLimit, 2 * dataShards * maxShardLength].flatMap(
        (limit) => Array.from({ length: 8 }, (_, i) => limit - 7 + i),
      ),
      input.length,
    ]);
    for (const length of lengths) {
      const part = input.subarray(0, length);
      const stored = encode(correction, part);
      const { data, repaired } = correction.decode(stored, WHAT);
      expect(repaired).toBe(false);
      const equal = equalBytes(data, part);
      expect({ length, equal }).toEqual({ length, equal: true });
    }
  });

  it('mends as many damaged shards of each block as there are parity shards', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SOME_PERCENTAGES),
        fc.nat(30_000),
        fc.nat(),
        (percent, length, seed) => {
          const correction = corrections.get(percent)!;
          const random = createRandom(seed);
          const input = randomBytes(length, seed);
          const stored = encode(correction, input);
          const { parityShards } = geometryOfStored(eccParameters(percent), stored.length);
          const damaged = stored.slice();
          for (const frames of framesByBlock(percent, stored)) {
            for (const { start, end } of pick(frames, parityShards, random)) {
              if (random() < 0.5) damaged.fill(0, start, end);
              damaged[start + Math.floor(random() * (end - start))]! ^=
                1 + Math.floor(random() * 255);
            }
          }
          expect(equalBytes(correction.decode(damaged, WHAT).data, input)).toBe(true);
          expect(equalBytes(correction.repairStored(damaged, WHAT) ?? damaged, stored)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('refuses more damage, and never gives back other bytes', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(5, 10, 20), fc.nat(20_000), fc.nat(), (percent, length, seed) => {
        const correction = corrections.get(percent)!;
        const random = createRandom(seed);
        const input = randomBytes(length, seed);
        const damaged = encode(correction, input);
        const { parityShards } = geometryOfStored(eccParameters(percent), damaged.length);
        for (const frames of framesByBlock(percent, damaged)) {
          const count = parityShards + Math.floor(random() * 3);
          for (const { start, end } of pick(frames, count, random)) {
            damaged[start + Math.floor(random() * (end - start))]! ^=
              1 + Math.floor(random() * 255);
          }
        }
        const data = attempt(correction, damaged);
        if (data === undefined) refused++;
        return data === undefined || equalBytes(data, input);
      }),
      { numRuns: 150 },
    );
    expect(refused).toBeGreaterThan(0);
  });

  it('refuses a block with one damaged data shard more than it has parity shards', () => {
    for (const [percent, correction] of corrections) {
      const stored = encode(correction, randomBytes(5000, percent));
      const { parityShards } = geometryOfStored(eccParameters(percent), stored.length);
      const frames = framesByBlock(percent, stored)[0]!;
      for (const { start } of frames.slice(parityShards, 2 * parityShards + 1)) stored[start]! ^= 1;
      expect(() => correction.decode(stored, WHAT)).toThrow(
        /^a test: error correction: \d+ damaged/,
      );
      expect(() => correction.repairStored(stored, WHAT)).toThrow(/error correction/);
    }
  });

  it('says whether data had to be mended, and mends parity when asked to', () => {
    const correction = createErrorCorrection(10);
    const input = counting(20_000);
    const stored = encode(correction, input);
    expect(correction.repairStored(stored, WHAT)).toBeUndefined();

    const damagedParity = stored.slice();
    damagedParity[7]! ^= 1;
    expect(correction.decode(damagedParity, WHAT)).toEqual({ data: input, repaired: false });
    expect(correction.repairStored(damagedParity, WHAT)).toEqual(stored);

    const damagedData = stored.slice();
    damagedData[stored.length - 1]! ^= 1;
    expect(correction.decode(damagedData, WHAT)).toEqual({ data: input, repaired: true });
    expect(correction.repairStored(damagedData, WHAT)).toEqual(stored);
  });

  it('says where each block begins, so that one shard of each can be lost', () => {
    for (const [percent, length] of [
      [1, 300_000],
      [20, 10_000],
      [10, 100],
    ] as const) {
      const correction = createErrorCorrection(percent);
      const input = counting(length);
      const stored = encode(correction, input);
      const offsets = correction.firstDataShards(stored.length);
      expect(offsets).toHaveLength(framesByBlock(percent, stored).length);
      for (const offset of offsets) stored[offset]! ^= 0xff;
      expect(correction.decode(stored, 'test')).toEqual({ data: input, repaired: true });
    }
  });

  it('refuses a repair that contradicts a shard whose CRC holds', () => {
    const correction = createErrorCorrection(10);
    const stored = encode(correction, counting(40));
    // A forged second data shard with a matching CRC, and a first one that has to be reconstructed from it.
    const frameLength = stored.length / 8;
    const first = 2 * frameLength;
    const second = 3 * frameLength;
    stored[first + frameLength - 1]! ^= 1;
    stored[second + 4]! ^= 1;
    const view = new DataView(stored.buffer);
    view.setUint32(second, crc32(stored.subarray(second + 4, second + frameLength)));
    expect(attempt(correction, stored)).toBeUndefined();
    expect(() => correction.repairStored(stored, WHAT)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_DATA' }),
    );
  });

  it('refuses any other stored bytes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SOME_PERCENTAGES),
        fc.uint8Array({ maxLength: 3000 }),
        (percent, bytes) => attempt(corrections.get(percent)!, bytes) === undefined,
      ),
    );
    for (const correction of corrections.values()) {
      for (const length of [0, 1, 39, 40, 41, 100_000]) {
        expect(attempt(correction, new Uint8Array(length))).toBeUndefined();
      }
    }
  });

  it('refuses stored bytes that were cut or extended', () => {
    for (const correction of corrections.values()) {
      for (const length of [0, 20, 3000, 50_000]) {
        const stored = encode(correction, counting(length));
        const extended = new Uint8Array(stored.length + 1);
        extended.set(stored);
        expect(attempt(correction, stored.subarray(0, -1))).toBeUndefined();
        expect(attempt(correction, extended)).toBeUndefined();
      }
    }
  });
});
