import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBlobID } from '../../blob/storage.ts';
import { compareContentInfo, type ContentInfo } from '../content-info.ts';
import { contentPrefix, parseContentID, type ContentID } from '../content-id.ts';
import { compactIndexes } from './compact-indexes.ts';
import { buildIndex, buildIndexFromRecords } from './index-builder.ts';
import { MergedIndex } from './merged-index.ts';
import { openPackIndex, type PackIndex } from './pack-index.ts';
import { PendingIndex } from './pending-index.ts';

/** Few IDs, times and packs, so that entries conflict. */
const contentIDs = fc
  .tuple(fc.constantFrom('', 'k', 'm'), fc.integer({ min: 0, max: 12 }))
  .map(([prefix, n]) => parseContentID(prefix + (n * 0x13579bdf).toString(16).padStart(32, '0')));

const entries: fc.Arbitrary<ContentInfo> = fc.record({
  contentID: contentIDs,
  packBlobID: fc.integer({ min: 0, max: 3 }).map((n) => parseBlobID(`p${n}`)),
  packOffset: fc.integer({ min: 0, max: 9 }),
  packedLength: fc.integer({ min: 28, max: 40 }),
  originalLength: fc.integer({ min: 0, max: 40 }),
  timestampSeconds: fc.integer({ min: 1, max: 5 }),
  deleted: fc.boolean(),
  formatVersion: fc.integer({ min: 1, max: 3 }),
  compressionHeaderID: fc.constantFrom(0, 0x1100),
  encryptionKeyID: fc.constant(0),
});

/** One list of entries for each index; what the conflict rule cannot tell apart is left out. */
const indexContents = fc.array(fc.array(entries, { minLength: 1, maxLength: 20 }), {
  maxLength: 8,
});

const conflictKey = (info: ContentInfo): string =>
  `${info.contentID} ${info.timestampSeconds} ${info.deleted} ${info.packBlobID}`;

function distinct(lists: readonly (readonly ContentInfo[])[]): ContentInfo[][] {
  const seen = new Set<string>();
  return lists
    .map((list) =>
      list.filter((info) => {
        const known = seen.has(conflictKey(info));
        seen.add(conflictKey(info));
        return !known;
      }),
    )
    .filter((list) => list.length > 0);
}

function open(list: readonly ContentInfo[]): PackIndex {
  return openPackIndex(buildIndex(list, { version: 2 })[0]!, 'test', { v1Overhead: 28 });
}

function winners(list: readonly ContentInfo[]): Map<ContentID, ContentInfo> {
  const result = new Map<ContentID, ContentInfo>();
  for (const info of list) {
    const known = result.get(info.contentID);
    if (known === undefined || compareContentInfo(info, known) > 0)
      result.set(info.contentID, info);
  }
  return result;
}

const isHidden = (info: ContentInfo, watermark: number | undefined): boolean =>
  watermark !== undefined && info.deleted && info.timestampSeconds <= watermark;

/** The order of IDs as text is the order of their keys: no prefix comes first, as a digit before a letter. */
const byID = (a: ContentInfo, b: ContentInfo): number => (a.contentID < b.contentID ? -1 : 1);

describe('a merged index', () => {
  it('picks the winner first and applies the watermark to it afterwards', () => {
    const watermarks = fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined });
    fc.assert(
      fc.property(indexContents, watermarks, (random, watermark) => {
        const lists = distinct(random);
        const merged = new MergedIndex(lists.map(open), watermark);
        const expected = [...winners(lists.flat()).values()]
          .filter((info) => !isHidden(info, watermark))
          .toSorted(byID);
        expect([...merged.iterate({ includeDeleted: true })]).toEqual(expected);
        expect([...merged.iterate()]).toEqual(expected.filter(({ deleted }) => !deleted));
        for (const prefix of ['', 'k', 'm', 'x']) {
          expect([...merged.iterate({ prefix, includeDeleted: true })]).toEqual(
            expected.filter(({ contentID }) => contentPrefix(contentID) === prefix),
          );
        }
        const found = new Map(expected.map((info) => [info.contentID, info]));
        for (const { contentID } of lists.flat()) {
          expect(merged.find(contentID)).toEqual(found.get(contentID));
        }
        expect(merged.entryCount).toBeGreaterThanOrEqual(expected.length);
      }),
    );
  });

  it('does not bring back a live entry that a hidden deletion beat', () => {
    const live = { ...SAMPLE, timestampSeconds: 1 };
    const deletion = { ...SAMPLE, timestampSeconds: 2, deleted: true };
    const indexes = [open([live]), open([deletion])];
    expect(new MergedIndex(indexes, 2).find(SAMPLE.contentID)).toBeUndefined();
    expect(new MergedIndex(indexes, 1).find(SAMPLE.contentID)).toEqual(deletion);
  });

  it('holds the same after its indexes were merged into one', () => {
    fc.assert(
      fc.property(indexContents, (random) => {
        const indexes = distinct(random).map(open);
        fc.pre(indexes.length > 0);
        const compacted = compactIndexes(indexes)!;
        const before = [...new MergedIndex(indexes).iterate({ includeDeleted: true })];
        const after = [...new MergedIndex([compacted]).iterate({ includeDeleted: true })];
        expect(after).toEqual(before);
        expect(compacted.entryCount).toBe(before.length);
      }),
    );
  });

  it('leaves indexes apart that version 2 cannot hold', () => {
    const [file] = buildIndex([{ ...SAMPLE, packedLength: 2 ** 29, compressionHeaderID: 0 }], {
      version: 1,
    });
    const index = openPackIndex(file!, 'test', { v1Overhead: 28 });
    expect(compactIndexes([index, open([SAMPLE])])).toBeUndefined();
  });

  it('merges empty version 1 indexes and keys of different sizes', () => {
    const [empty] = buildIndex([], { version: 1 });
    const longID = parseContentID('0'.repeat(64));
    const long = { ...SAMPLE, contentID: longID };
    const merged = new MergedIndex([
      openPackIndex(empty!, 'test', { v1Overhead: 28 }),
      open([SAMPLE]),
      open([long]),
    ]);
    expect(merged.find(longID)).toEqual(long);
    expect(merged.find(SAMPLE.contentID)).toEqual(SAMPLE);
    expect([...merged.iterate()]).toHaveLength(2);
  });

  it('refuses a prefix that no content has', () => {
    expect(() => [...new MergedIndex([]).iterate({ prefix: 'a' })]).toThrow(/not a content prefix/);
  });
});

const SAMPLE: ContentInfo = {
  contentID: parseContentID('k00112233445566778899aabbccddeeff'),
  packBlobID: parseBlobID('q1'),
  packOffset: 32,
  packedLength: 100,
  originalLength: 72,
  timestampSeconds: 1_700_000_000,
  deleted: false,
  formatVersion: 3,
  compressionHeaderID: 0x1100,
  encryptionKeyID: 0,
};

const numberedID = (n: number): ContentID =>
  parseContentID((n * 2654435761).toString(16).padStart(32, '0'));

describe('the pending index', () => {
  it('holds the winner of each content that was put', () => {
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 100 }), (random) => {
        const [list = []] = distinct([random]);
        const pending = new PendingIndex();
        for (const info of list) pending.put(info);
        const expected = winners(list);
        expect(pending.size).toBe(expected.size);
        expect(new Map(Array.from(pending, (info) => [info.contentID, info]))).toEqual(expected);
        for (const [id, info] of expected) expect(pending.find(id)).toEqual(info);
        expect(pending.find(parseContentID('ff'.repeat(16)))).toBeUndefined();
        for (const prefix of [
          '',
          ...new Set(list.map(({ contentID }) => contentPrefix(contentID))),
        ]) {
          expect([...pending.entries(prefix)]).toEqual(
            [...pending].filter(({ contentID }) => contentPrefix(contentID) === prefix),
          );
        }
        expect(buildIndexFromRecords(pending.records(), { version: 2 })).toEqual(
          buildIndex(expected.values(), { version: 2 }),
        );
      }),
    );
  });

  it('takes many entries in a few dozen bytes each and gives them up when cleared', () => {
    const pending = new PendingIndex();
    const count = 50_000;
    for (let n = 0; n < count; n++)
      pending.put({ ...SAMPLE, contentID: numberedID(n), packOffset: n });
    expect(pending.size).toBe(count);
    expect(pending.byteSize / count).toBeLessThan(60);
    for (let n = 0; n < count; n += 97) expect(pending.find(numberedID(n))?.packOffset).toBe(n);
    pending.clear();
    expect(pending.size).toBe(0);
    expect(pending.find(numberedID(1))).toBeUndefined();
    pending.put(SAMPLE);
    expect([...pending]).toEqual([SAMPLE]);
  });
});
