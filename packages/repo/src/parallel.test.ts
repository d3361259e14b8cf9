import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Budget, forEachLimit, Pool, runBeside } from './parallel.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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

  it('never gives out more than it has, serves in order, and ends up whole', async () => {
    const plan = fc.array(
      fc.record({ amount: fc.integer({ min: 1, max: 12 }), abort: fc.boolean() }),
      { minLength: 1, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(plan, async (requests) => {
        const total = 8;
        const budget = new Budget(total);
        let out = 0;
        const served: number[] = [];
        await Promise.all(
          requests.map(async ({ amount, abort }, index) => {
            const controller = new AbortController();
            const acquiring = budget.acquire(amount, { signal: controller.signal });
            if (abort) controller.abort('gone');
            let release: () => void;
            try {
              release = await acquiring;
            } catch (error) {
              expect(error).toBe('gone');
              return;
            }
            out += Math.min(amount, total);
            expect(out).toBeLessThanOrEqual(total);
            served.push(index);
            await tick();
            out -= Math.min(amount, total);
            release();
            release();
          }),
        );
        expect(served).toEqual(served.toSorted((a, b) => a - b));
        const everything = budget.tryAcquire(total);
        expect(everything).toBeDefined();
      }),
    );
  });

  it('lets those behind an aborted waiter go on at once', async () => {
    const budget = new Budget(2);
    const first = await budget.acquire(1);
    const controller = new AbortController();
    const blocked = budget.acquire(2, { signal: controller.signal });
    const small = budget.acquire(1);
    controller.abort('gone');
    await expect(blocked).rejects.toBe('gone');
    (await small)();
    first();
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

  it('keeps the place of a thing that could not be made', async () => {
    let fails = true;
    const pool = new Pool(1, () => {
      if (fails) throw new RangeError('out of memory');
      return {};
    });
    await expect(pool.acquire()).rejects.toThrow('out of memory');
    fails = false;
    (await pool.acquire()).release();
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

  it('runs each item once and never more than the limit at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 30 }),
        async (parallelism, delays) => {
          let running = 0;
          let most = 0;
          const done: number[] = [];
          await forEachLimit(delays.entries(), { parallelism }, async ([index, delay]) => {
            most = Math.max(most, ++running);
            for (let i = 0; i < delay; i++) await tick();
            running--;
            done.push(index);
          });
          expect(most).toBe(Math.min(parallelism, delays.length));
          expect(done.toSorted((a, b) => a - b)).toEqual([...delays.keys()]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('takes items only as they are needed, and closes their source after a failure', async () => {
    let taken = 0;
    let closed = false;
    function* items(): Generator<number> {
      try {
        for (;;) yield taken++;
      } finally {
        closed = true;
      }
    }
    const work = async (item: number): Promise<void> => {
      await tick();
      if (item === 3) throw new Error('item 3');
    };
    await expect(forEachLimit(items(), { parallelism: 2 }, work)).rejects.toThrow('item 3');
    expect(taken).toBeLessThanOrEqual(6);
    expect(closed).toBe(true);
  });

  it('fails with what the source of the items fails with', async () => {
    async function* items(): AsyncGenerator<number> {
      yield 1;
      throw new Error('source');
    }
    const done: number[] = [];
    const run = forEachLimit(items(), { parallelism: 4 }, async (item) => {
      await tick();
      done.push(item);
    });
    await expect(run).rejects.toThrow('source');
    expect(done).toEqual([1]);
  });
});

describe('runBeside', () => {
  it('runs as many at once as there are places, and one more', async () => {
    let running = 0;
    let most = 0;
    const work = Array.from({ length: 10 }, () => async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running -= 1;
    });
    await runBeside(new Budget(2), work);
    expect(most).toBe(3);
    expect(running).toBe(0);
  });

  it('throws the first failure when all that was begun has ended, and begins nothing more', async () => {
    const log: string[] = [];
    const failure = new Error('the first');
    const begun = Promise.withResolvers<void>();
    const work = [
      async (): Promise<void> => {
        await begun.promise;
        throw failure;
      },
      async (): Promise<void> => {
        begun.resolve();
        await new Promise((resolve) => setTimeout(resolve, 5));
        log.push('ended');
        throw new Error('the second');
      },
      async (): Promise<void> => {
        log.push('begun too late');
      },
    ];
    const places = new Budget(1);
    await expect(runBeside(places, work)).rejects.toBe(failure);
    expect(log).toEqual(['ended']);
    expect(places.tryAcquire(1)).toBeDefined();
  });
});
