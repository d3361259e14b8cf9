import { describe, expect, it } from 'vitest';
import { createMemoryCache } from './content-cache.ts';

const bytes = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value);

describe('the memory cache', () => {
  it('gives back what was put and knows nothing else', async () => {
    const cache = createMemoryCache(100);
    await cache.put('a', bytes(10, 7));
    expect(await cache.get('a')).toEqual(bytes(10, 7));
    expect(await cache.get('b')).toBeUndefined();
  });

  it('shares no memory with its callers', async () => {
    const cache = createMemoryCache(100);
    const data = bytes(3, 7);
    await cache.put('a', data);
    data.fill(0);
    (await cache.get('a'))!.fill(9);
    expect(await cache.get('a')).toEqual(bytes(3, 7));
  });

  it('forgets what was not used for longest when it is full', async () => {
    const cache = createMemoryCache(30);
    for (const key of ['a', 'b', 'c']) await cache.put(key, bytes(10));
    await cache.get('a');
    await cache.put('d', bytes(10));
    expect(await cache.get('b')).toBeUndefined();
    for (const key of ['a', 'c', 'd']) expect(await cache.get(key)).toBeDefined();
    await cache.put('e', bytes(30));
    for (const key of ['a', 'c', 'd']) expect(await cache.get(key)).toBeUndefined();
    expect(await cache.get('e')).toBeDefined();
  });

  it('takes nothing that is larger than itself, and counts a replaced entry once', async () => {
    const cache = createMemoryCache(30);
    await cache.put('a', bytes(10));
    await cache.put('b', bytes(31));
    expect(await cache.get('b')).toBeUndefined();
    for (let i = 0; i < 5; i++) await cache.put('c', bytes(20));
    expect(await cache.get('a')).toBeDefined();
    expect(await cache.get('c')).toBeDefined();
  });
});
