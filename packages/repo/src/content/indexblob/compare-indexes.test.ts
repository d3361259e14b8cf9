import { describe, expect, it } from 'vitest';
import { parseBlobID } from '../../blob/storage.ts';
import { encodeHex } from '../../bytes.ts';
import { parseContentID } from '../content-id.ts';
import type { ContentInfo } from '../content-info.ts';
import { buildIndex } from '../index/index-builder.ts';
import { openPackIndex, type PackIndex } from '../index/pack-index.ts';
import { compareIndexes, hasDifferences } from './compare-indexes.ts';

const V1_OVERHEAD = 28;

function entry(n: number, changes: Partial<ContentInfo> = {}): ContentInfo {
  return {
    contentID: parseContentID(encodeHex(new Uint8Array(16).fill(n))),
    packBlobID: parseBlobID('p1'),
    packOffset: 100,
    packedLength: 128,
    originalLength: 100,
    timestampSeconds: 1000,
    deleted: false,
    formatVersion: 1,
    compressionHeaderID: 0,
    encryptionKeyID: 0,
    ...changes,
  };
}

function index(version: 1 | 2, ...entries: readonly ContentInfo[]): PackIndex {
  const [file] = buildIndex(entries, { version });
  return openPackIndex(file!, 'test', { v1Overhead: V1_OVERHEAD });
}

describe('two indexes', () => {
  it('are the same however their entries are spread over files and versions', () => {
    const differences = compareIndexes(
      [index(1, entry(1), entry(2)), index(1, entry(2, { timestampSeconds: 2000 }), entry(3))],
      [index(2, entry(1), entry(2, { timestampSeconds: 2000 }), entry(3))],
    );
    expect(differences).toEqual({
      entryCount: 3,
      missing: 0,
      added: 0,
      changed: 0,
      examples: [],
    });
    expect(hasDifferences(differences)).toBe(false);
  });

  it('differ by what only one of them has, at the beginning, between and at the end', () => {
    const differences = compareIndexes(
      [index(2, entry(2), entry(4), entry(6))],
      [index(2, entry(1), entry(2), entry(5), entry(7), entry(8))],
    );
    expect(differences).toMatchObject({ entryCount: 3, missing: 2, added: 4, changed: 0 });
    expect(hasDifferences(differences)).toBe(true);
    expect(differences.examples).toEqual([1, 4, 5, 6, 7, 8].map((n) => entry(n).contentID));
    expect(compareIndexes([], [index(2, entry(1))])).toMatchObject({ entryCount: 0, added: 1 });
    expect(compareIndexes([index(2, entry(1))], [])).toMatchObject({ entryCount: 1, missing: 1 });
  });

  it.each([
    { packBlobID: parseBlobID('p2') },
    { packOffset: 101 },
    { packedLength: 129 },
    { originalLength: 101 },
    { timestampSeconds: 1001 },
    { deleted: true },
    { formatVersion: 2 },
    { compressionHeaderID: 0x1000 },
    { encryptionKeyID: 1 },
  ])('differ by %o', (change) => {
    const differences = compareIndexes([index(2, entry(1))], [index(2, entry(1, change))]);
    expect(differences).toMatchObject({ missing: 0, added: 0, changed: 1 });
  });

  it('name no more than some of what differs', () => {
    const many = Array.from({ length: 100 }, (_, n) => entry(n));
    const { missing, examples } = compareIndexes([index(2, ...many)], []);
    expect([missing, examples.length]).toEqual([100, 20]);
  });
});
