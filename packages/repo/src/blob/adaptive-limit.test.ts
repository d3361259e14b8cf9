import { expect, it } from 'vitest';
import { AdaptiveLimit, type LimitedCall } from './adaptive-limit.ts';

async function enterMany(limit: AdaptiveLimit, count: number): Promise<LimitedCall[]> {
  return Promise.all(Array.from({ length: count }, () => limit.enter({})));
}

it('lets everything through until the storage says that it is too much, then half', async () => {
  const limit = new AdaptiveLimit();
  const wave = await enterMany(limit, 10);
  // All of one wave are told the same, which halves it once.
  for (const call of wave) {
    call.throttled();
    call.leave();
  }
  expect(limit.current).toBe(5);
  const next = await enterMany(limit, 5);
  next[0]!.throttled();
  expect(limit.current).toBe(2);
});

it('holds back what is beyond the limit, and lets one more through after eight successes', async () => {
  const limit = new AdaptiveLimit();
  const [first, second] = await enterMany(limit, 2);
  first!.throttled();
  first!.leave();
  second!.leave();
  let running = 0;
  let most = 0;
  const run = async (): Promise<void> => {
    const call = await limit.enter({});
    most = Math.max(most, ++running);
    await Promise.resolve();
    running -= 1;
    call.succeeded();
    call.leave();
  };
  await Promise.all(Array.from({ length: 8 }, run));
  expect(most).toBe(1);
  expect(limit.current).toBe(2);
  await Promise.all(Array.from({ length: 8 }, run));
  expect(most).toBe(2);
});

it('never falls below one, and gives up waiting when aborted', async () => {
  const limit = new AdaptiveLimit();
  const call = await limit.enter({});
  call.throttled();
  expect(limit.current).toBe(1);
  const controller = new AbortController();
  const waiting = limit.enter({ signal: controller.signal });
  controller.abort('enough');
  await expect(waiting).rejects.toBe('enough');
  call.leave();
  const again = await limit.enter({});
  again.throttled();
  expect(limit.current).toBe(1);
});
