import { expect, it } from 'vitest';
import { WalkPace } from './walk-pace.ts';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Gives the processor away again and again, as a system call to another machine does. */
function wait(): void {
  for (let i = 0; i < 60; i++) Atomics.wait(sleeper, 0, 0, 0.5);
}

it('takes work that waits for something for slow, once there was enough of it', () => {
  const pace = new WalkPace();
  for (let i = 0; i < 2; i++) pace.measure(32 * 1024, wait);
  expect(pace.isSlow).toBe(false);
  for (let i = 0; i < 18; i++) pace.measure(32 * 1024, wait);
  expect(pace.isSlow).toBe(true);
});

it('takes work that is only much for fast', () => {
  const pace = new WalkPace();
  const results = Array.from({ length: 100 }, (_, index) =>
    pace.measure(32 * 1024, () => {
      const until = process.threadCpuUsage().user + 1000;
      while (process.threadCpuUsage().user < until);
      return index;
    }),
  );
  expect(results.at(-1)).toBe(99);
  expect(pace.isSlow).toBe(false);
});
