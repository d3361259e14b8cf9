import { describe, expect, it } from 'vitest';
import { Budget, forEachLimit, Pool } from './parallel.ts';

describe('Budget', () => {
  it('serves the waiting first come first served, and skips those that gave up', async () => {
    const budget = new Budget(1);
    const order: string[] = [];
    const release = await budget.acquire(1);
    const abort = new AbortController();
    const reason = new Error('gave up');
    const second = budget.acquire(1, { signal: abort.signal });
    const enter = async (name: string): Promise<void> => {
      const giveBack = await budget.acquire(1);
      order.push(name);
      giveBack();
    };
    const third = enter('third');
    const fourth = enter('fourth');
    abort.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(order).toEqual([]);
    release();
    await Promise.all([third, fourth]);
    expect(order).toEqual(['third', 'fourth']);
  });

  it('lets a small request wait behind a large one', async () => {
    const budget = new Budget(3);
    const release = await budget.acquire(2);
    const large = budget.acquire(3);
    expect(budget.tryAcquire(1)).toBeUndefined();
    release();
    (await large)();
    expect(budget.tryAcquire(1)).toBeDefined();
  });

  it('grants more than there is once everything else is back', async () => {
    const budget = new Budget(2);
    const release = await budget.acquire(1);
    let granted = false;
    const huge = budget.acquire(10).then((giveBack) => {
      granted = true;
      return giveBack;
    });
    await Promise.resolve();
    expect(granted).toBe(false);
    release();
    const giveBack = await huge;
    expect(budget.tryAcquire(1)).toBeUndefined();
    giveBack();
    expect(budget.tryAcquire(2)).toBeDefined();
  });

  it('counts what is given back twice once', async () => {
    const budget = new Budget(2);
    const release = await budget.acquire(1);
    const other = await budget.acquire(1);
    release();
    release();
    expect(budget.tryAcquire(2)).toBeUndefined();
    other();
    expect(budget.tryAcquire(2)).toBeDefined();
  });

  it('lets more in as soon as its total grows', async () => {
    const budget = new Budget(1);
    const release = await budget.acquire(1);
    const second = budget.acquire(1);
    budget.setTotal(2);
    (await second)();
    expect(budget.tryAcquire(2)).toBeUndefined();
    release();
    expect(budget.tryAcquire(2)).toBeDefined();
  });

  it('reaches a smaller total as holders give back, and still lets a large request through', async () => {
    const budget = new Budget(Infinity);
    const held = await Promise.all([budget.acquire(1), budget.acquire(1)]);
    budget.setTotal(1);
    const large = budget.acquire(5);
    held[0]();
    expect(budget.tryAcquire(1)).toBeUndefined();
    held[1]();
    (await large)();
    expect(budget.tryAcquire(1)).toBeDefined();
  });
});

describe('Pool', () => {
  it('makes no more than its limit and hands the same things out again', async () => {
    let made = 0;
    const pool = new Pool(2, () => ++made);
    const first = await pool.acquire();
    const second = await pool.acquire();
    const third = pool.acquire();
    second.release();
    second.release();
    expect((await third).item).toBe(second.item);
    first.release();
    expect((await pool.acquire()).item).toBe(first.item);
    expect(made).toBe(2);
  });
});

describe('forEachLimit', () => {
  it('takes an item only when one may be worked on', async () => {
    let taken = 0;
    let running = 0;
    let most = 0;
    function* items(): Generator<number> {
      for (let item = 0; item < 20; item++) {
        taken++;
        expect(taken - done).toBeLessThanOrEqual(3);
        yield item;
      }
    }
    let done = 0;
    await forEachLimit(items(), { parallelism: 3 }, async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      done++;
    });
    expect([taken, done, most]).toEqual([20, 20, 3]);
  });

  it('aborts the others at the first failure and throws it when all have ended', async () => {
    const failure = new Error('first');
    let ended = 0;
    const work = async (item: number, signal: AbortSignal): Promise<void> => {
      if (item === 1) throw failure;
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      ended++;
      throw new Error('second');
    };
    await expect(forEachLimit([0, 1, 2, 3], { parallelism: 2 }, work)).rejects.toBe(failure);
    expect(ended).toBe(1);
  });

  it('throws the reason of an abort from outside', async () => {
    const abort = new AbortController();
    const reason = new Error('stop');
    const work = async (item: number): Promise<void> => {
      if (item === 2) abort.abort(reason);
    };
    const all = forEachLimit([1, 2, 3], { parallelism: 1, signal: abort.signal }, work);
    await expect(all).rejects.toBe(reason);
  });
});
