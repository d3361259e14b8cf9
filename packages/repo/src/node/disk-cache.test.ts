import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDiskCache, type DiskCache } from './disk-cache.ts';

const hmacKey = new Uint8Array(16).fill(5);
const bytes = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value);
/** Bytes of file for an entry of 100 bytes. */
const ENTRY = 132;

let folder: string;

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'longshore-cache-')), 'made-when-needed');
});

afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

const create = (maxBytes = 1_000_000, key: Uint8Array = hmacKey): DiskCache =>
  createDiskCache({ folder, maxBytes, hmacKey: key });

const files = (): string[] =>
  (readdirSync(folder, { recursive: true }) as string[])
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

const setAge = (path: string, seconds: number): void => {
  const time = Date.now() / 1000 - seconds;
  utimesSync(path, time, time);
};

describe('the disk cache', () => {
  it('gives back what was put, also to the next process, and knows nothing else', async () => {
    const cache = create();
    expect(await cache.get('a')).toBeUndefined();
    await cache.put('a', bytes(1000, 7));
    await cache.put('empty', bytes(0));
    expect(await cache.get('a')).toEqual(bytes(1000, 7));
    expect(await create().get('a')).toEqual(bytes(1000, 7));
    expect(await cache.get('empty')).toEqual(bytes(0));
    expect(await cache.get('../a')).toBeUndefined();
    expect([await cache.has('a'), await cache.has('../a')]).toEqual([true, false]);
    expect(await cache.usage()).toEqual({ entries: 2, bytes: 1032 + 32 });
  });

  it('takes any text as a key and shows none of it', async () => {
    const cache = create();
    const keys = ['../../escape', '', 'x'.repeat(5000), 'ü/\0'];
    for (const [i, key] of keys.entries()) await cache.put(key, bytes(10, i));
    for (const [i, key] of keys.entries()) expect(await cache.get(key)).toEqual(bytes(10, i));
    expect(files().every((path) => /\/[0-9a-f]{2}\/[0-9a-f]{62}$/.test(path))).toBe(true);
    expect(readdirSync(join(folder, '..'))).toEqual(['made-when-needed']);
    expect(statSync(files()[0]!).mode & 0o777).toBe(0o600);
  });

  it('drops an entry of which any byte was changed, cut or added', async () => {
    const cache = create();
    await cache.put('a', bytes(20));
    const [path] = files() as [string];
    const good = readFileSync(path);
    const damaged = [
      ...Array.from(good.keys(), (i) => good.map((byte, at) => (at === i ? byte ^ 1 : byte))),
      ...Array.from(good.keys(), (i) => good.subarray(0, i)),
      Buffer.concat([good, Buffer.of(0)]),
    ];
    for (const content of damaged) {
      writeFileSync(path, content);
      expect(await cache.get('a')).toBeUndefined();
      expect(files()).toEqual([]);
    }
    writeFileSync(path, good);
    expect(await cache.get('a')).toEqual(bytes(20));
  });

  it('does not take one entry for another, nor those of another key', async () => {
    const cache = create();
    await cache.put('a', bytes(20, 1));
    const [pathA] = files() as [string];
    await cache.put('b', bytes(20, 2));
    const pathB = files().find((path) => path !== pathA)!;
    writeFileSync(pathB, readFileSync(pathA));
    expect(await cache.get('b')).toBeUndefined();
    expect(await create(1_000_000, bytes(16, 6)).get('a')).toBeUndefined();
    expect(await cache.get('a')).toBeDefined();
  });

  it('stays within its limit and removes what was not used for longest', async () => {
    const cache = create(10 * ENTRY);
    for (let i = 0; i < 10; i++) {
      const before = new Set(i === 0 ? [] : files());
      await cache.put(`k${i}`, bytes(100, i));
      setAge(
        files().find((path) => !before.has(path))!,
        100_000 - 1000 * i,
      );
    }
    expect(await cache.get('k0')).toBeDefined();
    await cache.put('k10', bytes(100));
    expect((await cache.usage()).bytes).toBeLessThanOrEqual(8 * ENTRY);
    const kept = [];
    for (let i = 0; i <= 10; i++) if ((await cache.get(`k${i}`)) !== undefined) kept.push(i);
    expect(kept).toEqual([0, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('notices what other processes wrote', async () => {
    const [first, second] = [create(10 * ENTRY), create(10 * ENTRY)];
    for (let i = 0; i < 30; i++) await (i % 2 === 0 ? first : second).put(`k${i}`, bytes(100, i));
    expect((await first.usage()).bytes).toBeLessThanOrEqual(12 * ENTRY);
  });

  it('takes nothing that would empty it', async () => {
    const cache = create(1000);
    await cache.put('a', bytes(100));
    await cache.put('b', bytes(900));
    expect(await cache.get('b')).toBeUndefined();
    expect(await cache.get('a')).toBeDefined();
  });

  it('survives many readers and writers at once', async () => {
    const caches = [create(20 * ENTRY), create(20 * ENTRY), create(20 * ENTRY)];
    const results = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const cache = caches[i % 3]!;
        await cache.put(`k${i % 40}`, bytes(100, i % 40));
        const found = await cache.get(`k${(i * 7) % 40}`);
        return found === undefined || found.every((byte) => byte === (i * 7) % 40);
      }),
    );
    expect(results.every(Boolean)).toBe(true);
    expect(files().filter((path) => path.includes('.tmp.'))).toEqual([]);
  });

  it('removes what a crashed writer left, but not what is being written', async () => {
    const cache = create();
    await cache.put('a', bytes(10));
    const [path] = files() as [string];
    writeFileSync(`${path}.tmp.old`, '');
    setAge(`${path}.tmp.old`, 7200);
    writeFileSync(`${path}.tmp.new`, '');
    expect((await cache.usage()).entries).toBe(1);
    expect(files().toSorted()).toEqual([path, `${path}.tmp.new`].toSorted());
  });

  it('never fails its caller', async () => {
    writeFileSync(folder, 'a file where the folder should be');
    const cache = create();
    await expect(cache.put('a', bytes(10))).resolves.toBeUndefined();
    await expect(cache.get('a')).resolves.toBeUndefined();
    await expect(cache.usage()).resolves.toEqual({ entries: 0, bytes: 0 });
    await expect(cache.clear()).resolves.toBeUndefined();
  });

  it('can be cleared, leaving files alone that are not its own', async () => {
    const cache = create();
    await cache.put('a', bytes(10));
    writeFileSync(join(folder, 'other'), 'x');
    await cache.clear();
    expect(await cache.get('a')).toBeUndefined();
    expect(readdirSync(folder)).toEqual(['other']);
  });
});
