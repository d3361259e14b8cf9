import { describe, expect, it } from 'vitest';
import {
  eccParameters,
  geometryOfInput,
  geometryOfStored,
  storedLengthOf,
} from './ecc-geometry.ts';

// Percent, shard length, data shards, parity shards, then the limits of small inputs (input, stored) and
// of inputs of a single block (input, stored).
const KOPIA_PARAMETERS = [
  [1, 1024, 254, 2, 2048, 2768, 260096, 263168],
  [2, 512, 164, 2, 1328, 1808, 83968, 85656],
  [3, 256, 139, 2, 1128, 1536, 35584, 36660],
  [4, 128, 228, 2, 1840, 2488, 29184, 30360],
  [5, 128, 128, 2, 1040, 1424, 16384, 17160],
  [6, 128, 128, 3, 1048, 1432, 16384, 17292],
  [10, 64, 128, 4, 1056, 1440, 8192, 8976],
  [20, 64, 128, 17, 1160, 1584, 8192, 9860],
  [50, 64, 128, 56, 1472, 2000, 8192, 12512],
  [100, 64, 128, 120, 1984, 2680, 8192, 16864],
] as const;

/** The lengths with which the input, its header included, ends around `limit`. */
function around(limit: number): number[] {
  return Array.from({ length: 9 }, (_, i) => limit - 8 + i);
}

const ALL_PERCENTAGES = Array.from({ length: 100 }, (_, i) => i + 1);

describe('error correction parameters', () => {
  it.each(KOPIA_PARAMETERS)('at %i %% are those of Kopia', (percent, ...expected) => {
    const parameters = eccParameters(percent);
    expect([
      parameters.maxShardLength,
      parameters.dataShards,
      parameters.parityShards,
      parameters.smallInputLimit,
      parameters.smallStoredLimit,
      parameters.singleBlockInputLimit,
      parameters.singleBlockStoredLimit,
    ]).toEqual(expected);
  });

  it.each(ALL_PERCENTAGES)(
    'at %i %% do not depend on the precision of the arithmetic',
    (percent) => {
      const { maxShardLength, dataShards, parityShards } = eccParameters(percent);
      const free = Math.max(percent - 400 / maxShardLength, 0.01);
      const parity = Math.min(Math.max(Math.floor((128 * free) / 100), 1), 128);
      const data = Math.min(Math.max(Math.floor(200 / free), 128), 254);
      expect([dataShards, parityShards]).toEqual(parity === 1 ? [data, 2] : [128, parity]);
      expect(dataShards + parityShards).toBeLessThanOrEqual(256);
    },
  );

  it.each([0, -1, 101, 1.5, Number.NaN])('do not exist for %d %%', (percent) => {
    expect(() => eccParameters(percent)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

describe('error correction geometry', () => {
  it.each(ALL_PERCENTAGES)('at %i %% is found again from the stored length', (percent) => {
    const parameters = eccParameters(percent);
    const { smallInputLimit, singleBlockInputLimit } = parameters;
    const lengths = [
      ...around(8),
      ...around(smallInputLimit),
      ...around(singleBlockInputLimit),
      ...around(2 * singleBlockInputLimit),
      ...around(7 * singleBlockInputLimit),
    ];
    for (const length of lengths) {
      const geometry = geometryOfInput(parameters, length);
      const storedLength = storedLengthOf(geometry, length);
      expect({ length, ...geometryOfStored(parameters, storedLength) }).toEqual({
        length,
        ...geometry,
      });
    }
  });
});
