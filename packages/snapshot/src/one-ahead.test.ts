import { describe, expect, it } from 'vitest';
import { consumeOneAhead } from './one-ahead.ts';

describe('consumeOneAhead', () => {
  it('makes the next item, and no more, while one is consumed', async () => {
    const log: string[] = [];
    async function* items(): AsyncGenerator<number, void, void> {
      for (let i = 0; i < 4; i++) {
        log.push(`made ${i}`);
        yield i;
      }
    }
    await consumeOneAhead(
      items(),
      async (item) => {
        await new Promise((resolve) => setImmediate(resolve));
        log.push(`consumed ${item}`);
      },
      new AbortController(),
    );
    expect(log).toEqual([
      'made 0',
      'made 1',
      'consumed 0',
      'made 2',
      'consumed 1',
      'made 3',
      'consumed 2',
      'consumed 3',
    ]);
  });

  it('aborts the maker when consuming fails, and waits for it', async () => {
    const failure = new AbortController();
    const error = new Error('full');
    let released = false;
    async function* items(): AsyncGenerator<number, void, void> {
      try {
        yield 0;
        await new Promise((resolve) => failure.signal.addEventListener('abort', resolve));
        yield 1;
      } finally {
        released = true;
      }
    }
    const consumed: number[] = [];
    const running = consumeOneAhead(
      items(),
      async (item) => {
        consumed.push(item);
        throw error;
      },
      failure,
    );
    await expect(running).rejects.toBe(error);
    expect({ consumed, released }).toEqual({ consumed: [0], released: true });
  });

  it('aborts consuming when the maker fails, and throws what the maker threw', async () => {
    const failure = new AbortController();
    const error = new Error('damaged');
    async function* items(): AsyncGenerator<number, void, void> {
      yield 0;
      throw error;
    }
    const running = consumeOneAhead(
      items(),
      () =>
        new Promise((_, reject) => {
          const stop = (): void => reject(new Error('stopped'));
          if (failure.signal.aborted) stop();
          failure.signal.addEventListener('abort', stop);
        }),
      failure,
    );
    await expect(running).rejects.toBe(error);
  });
});
