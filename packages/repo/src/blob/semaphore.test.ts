import { expect, it } from 'vitest';

import { Semaphore } from './semaphore.ts';

it('lets the waiting in first in, first out, and skips those that gave up', async () => {
  const semaphore = new Semaphore(1);
  const order: string[] = [];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const controller = new AbortController();
  const reason = new Error('gave up');
  const first = semaphore.run(undefined, () => released);
  const second = semaphore.run(controller.signal, async () => void order.push('second'));
  const third = semaphore.run(undefined, async () => void order.push('third'));
  const fourth = semaphore.run(undefined, async () => void order.push('fourth'));
  controller.abort(reason);
  await expect(second).rejects.toBe(reason);
  expect(order).toEqual([]);
  release();
  await Promise.all([first, third, fourth]);
  expect(order).toEqual(['third', 'fourth']);
});

it('frees the place of work that fails', async () => {
  const semaphore = new Semaphore(1);
  await expect(semaphore.run(undefined, () => Promise.reject(new Error('failed')))).rejects.toThrow(
    'failed',
  );
  expect(await semaphore.run(undefined, async () => 'in')).toBe('in');
});

it('lets more in as soon as its limit grows', async () => {
  const semaphore = new Semaphore(1);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const first = semaphore.run(undefined, () => released);
  const second = semaphore.run(undefined, async () => 'in');
  semaphore.setLimit(2);
  expect(await second).toBe('in');
  release();
  await first;
});
