import { describe, expect, it } from 'vitest';
import { pairRatios, quantile, summarize } from './statistics.ts';

describe('statistics of samples', () => {
  it('takes the middle value, or half way between the two middle ones', () => {
    expect(summarize([9, 1, 5]).median).toBe(5);
    expect(summarize([4, 1, 2, 9]).median).toBe(3);
  });

  it('gives the quartiles as spread, so that one outlier in five does not show', () => {
    expect(summarize([10, 11, 12, 13, 900])).toEqual({ count: 5, median: 12, low: 11, high: 13 });
  });

  it('interpolates between neighbours', () => {
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(quantile([7], 0.9)).toBe(7);
  });

  it('refuses to summarize nothing', () => {
    expect(() => summarize([])).toThrow(RangeError);
  });

  it('does not reorder the samples of the caller', () => {
    const values = [3, 1, 2];
    summarize(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('ratios of pairs', () => {
  it('divides within each pair, so that a drift of the machine cancels out', () => {
    expect(pairRatios([1, 2, 4], [2, 4, 8])).toEqual({
      count: 3,
      median: 0.5,
      low: 0.5,
      high: 0.5,
    });
  });

  it('leaves out pairs that one side lacks', () => {
    expect(pairRatios([1, undefined, 3], [2, 5])?.count).toBe(1);
    expect(pairRatios([1], [])).toBeUndefined();
  });
});
