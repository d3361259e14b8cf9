import { constants } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scanStoredListing, type StoredListing } from '../stored-listing.ts';
import { compareListing } from './compare-listing.ts';
import { RECORD_MODE, RECORD_WORDS, type LocalListing } from './local-listing.ts';

const encoder = new TextEncoder();

function localDirectories(names: readonly string[]): LocalListing {
  const encoded = names.map((name) => encoder.encode(name));
  const records = new Uint32Array(names.length * RECORD_WORDS);
  let end = 0;
  const nameEnds = Uint32Array.from(encoded, ({ length }) => (end += length));
  for (let i = 0; i < names.length; i++) {
    records[i * RECORD_WORDS + RECORD_MODE] = constants.S_IFDIR | 0o755;
  }
  return { count: names.length, names: encoder.encode(names.join('')), nameEnds, records };
}

function storedDirectories(names: readonly string[]): StoredListing {
  const entries = names.map((name) => ({
    name,
    type: 'd',
    mode: '0755',
    mtime: '2024-01-01T00:00:00Z',
    obj: `k${'0'.repeat(32)}`,
    summ: { size: 0, files: 0, symlinks: 0, dirs: 1, maxTime: '2024-01-01T00:00:00Z' },
  }));
  const stream = { stream: 'kopia:directory', entries, summary: { size: 0, files: 0 } };
  return scanStoredListing(encoder.encode(JSON.stringify(stream)))!;
}

function fnv1a(state: number, text: string): number {
  let hash = state;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash;
}

/** 2 ** `pairs` names with the same FNV-1a hash: one of two colliding blocks at each place. */
function collidingNames(pairs: number): string[] {
  let names = [''];
  let state = 0x811c9dc5 | 0;
  for (let place = 0; place < pairs; place++) {
    const seen = new Map<number, string>();
    for (let i = 0; ; i++) {
      const block = i.toString(36).padStart(6, '0');
      const next = fnv1a(state, block);
      const other = seen.get(next);
      if (other === undefined) {
        seen.set(next, block);
        continue;
      }
      names = names.flatMap((name) => [name + other, name + block]);
      state = next;
      break;
    }
  }
  return names;
}

describe('comparing a listing', () => {
  it.each([
    ['numbers', (i: number) => `${i}`],
    ['padded numbers', (i: number) => `IMG_${String(i).padStart(8, '0')}.jpg`],
    ['hashes', (i: number) => Math.imul(i + 1, 0x9e3779b1).toString(16)],
  ])('finds %s in any order', (_, nameOf) => {
    const names = Array.from({ length: 65_000 }, (_unused, i) => nameOf(i));
    const same = compareListing(localDirectories(names.toReversed()), storedDirectories(names));
    expect(same?.directories).toHaveLength(names.length);
    expect(same?.storedDirectories[0]).toBe(names.length - 1);
  });

  it('does not go through names that were made to collide', () => {
    const names = collidingNames(7);
    expect(new Set(names.map((name) => fnv1a(0x811c9dc5 | 0, name))).size).toBe(1);
    expect(compareListing(localDirectories(names), storedDirectories(names))).toBeUndefined();
  });
});
