import { encodeUtf8, parseObjectID } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import type { DirEntry } from './dir-manifest.ts';
import { isUnchanged, type LocalMetadata } from './unchanged.ts';

const STORED: DirEntry = {
  name: 'a',
  type: 'f',
  mode: 0o644,
  size: 5,
  mtime: 1704164645120000001n,
  uid: 1,
  gid: 2,
  objectID: parseObjectID('00ff'),
};

const LOCAL: LocalMetadata = {
  name: 'a',
  rawName: undefined,
  type: 'f',
  mode: 0o644,
  size: 5,
  mtime: 1704164645120000001n,
  uid: 1,
  gid: 2,
};

describe('an entry', () => {
  it('is unchanged if its metadata is', () => {
    expect(isUnchanged(STORED, LOCAL)).toBe(true);
  });

  it.each<[string, Partial<LocalMetadata>]>([
    ['time, by a nanosecond', { mtime: LOCAL.mtime + 1n }],
    ['type', { type: 's' }],
    ['permissions', { mode: 0o645 }],
    ['setuid bit', { mode: 0o644 | (1 << 23) }],
    ['setgid bit', { mode: 0o644 | (1 << 22) }],
    ['sticky bit', { mode: 0o644 | (1 << 20) }],
    ['owner', { uid: 9 }],
    ['group', { gid: 9 }],
    ['size', { size: 6 }],
    ['name', { name: 'A' }],
  ])('is changed with another %s', (_, change) => {
    expect(isUnchanged(STORED, { ...LOCAL, ...change })).toBe(false);
  });

  it('whose name is not valid UTF-8 always counts as changed', () => {
    const rawName = Uint8Array.of(0xff);
    const local = { ...LOCAL, name: '\ufffd', rawName };
    expect(isUnchanged({ ...STORED, name: '\ufffd' }, local)).toBe(false);
    expect(isUnchanged(STORED, { ...LOCAL, rawName: encodeUtf8('a') })).toBe(false);
  });

  it('without an object is no use', () => {
    expect(isUnchanged({ ...STORED, objectID: undefined }, LOCAL)).toBe(false);
  });

  it('outside of 64-bit time is compared as it is stored', () => {
    const stored = { ...STORED, mtime: -(1n << 63n) };
    expect(isUnchanged(stored, { ...LOCAL, mtime: 1n << 63n })).toBe(true);
  });
});
