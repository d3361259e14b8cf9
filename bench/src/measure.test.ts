import { describe, expect, it } from 'vitest';
import { takeTurns } from './measure.ts';

describe('turns', () => {
  it('go A B A B and keep each result with its turn', async () => {
    const order: string[] = [];
    const subject = (name: string) => ({
      name,
      run: async (turn: number) => {
        order.push(`${name}${turn}`);
        return turn * 10;
      },
    });
    const results = await takeTurns([subject('A'), subject('B')], {
      count: 3,
      deadline: Number.POSITIVE_INFINITY,
    });
    expect(order).toEqual(['A0', 'B0', 'A1', 'B1', 'A2', 'B2']);
    expect(results.get('B')).toEqual([0, 10, 20]);
  });

  it('take one turn at least and begin none after the deadline', async () => {
    const results = await takeTurns([{ name: 'A', run: async (turn: number) => turn }], {
      count: 5,
      deadline: performance.now() - 1,
    });
    expect(results.get('A')).toEqual([0]);
  });
});
