import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBlobID } from '../../blob/storage.ts';
import { concatBytes, decodeHex, encodeHex, encodeUtf8 } from '../../bytes.ts';
import { hasCode } from '../../errors.ts';
import { encodeContentKey, parseContentID } from '../content-id.ts';
import { compareContentInfo, type ContentInfo } from '../content-info.ts';
import { fnv1aOfContentID } from './content-key.ts';
import { buildIndex } from './index-builder.ts';
import { openPackIndex, type PackIndex } from './pack-index.ts';

const V1_OVERHEAD = 28;

const contentIDs = fc
  .tuple(
    fc.constantFrom('', '', 'k', 'm', 'x', 'g', 'z'),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  )
  .map(([prefix, hash]) => parseContentID(prefix + encodeHex(hash)));

const packBlobIDs = fc
  .integer({ min: 0, max: 40 })
  .map((n) => parseBlobID(`p${n.toString(16).padStart(32, '0')}-s${n % 2 ? '1' : '1234'}`));

function entries(maxLength: number, compressed: boolean): fc.Arbitrary<ContentInfo> {
  return fc.record({
    contentID: contentIDs,
    packBlobID: packBlobIDs,
    packOffset: fc.integer({ min: 0, max: 2 ** 30 - 1 }),
    packedLength: fc.integer({ min: V1_OVERHEAD, max: maxLength }),
    originalLength: fc.integer({ min: 0, max: maxLength }),
    timestampSeconds: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    deleted: fc.boolean(),
    formatVersion: fc.integer({ min: 1, max: 3 }),
    compressionHeaderID: fc.constantFrom(0, compressed ? 0x1100 : 0),
    encryptionKeyID: fc.constant(0),
  });
}

function open(file: Uint8Array): PackIndex {
  return openPackIndex(file, 'test index', { v1Overhead: V1_OVERHEAD });
}

function all(index: PackIndex): ContentInfo[] {
  return Array.from({ length: index.entryCount }, (_, entry) => index.infoAt(entry));
}

/** The winner of each content, in order of IDs. */
function model(list: readonly ContentInfo[]): ContentInfo[] {
  const winners = new Map<string, ContentInfo>();
  for (const info of list) {
    const known = winners.get(info.contentID);
    if (known === undefined || compareContentInfo(info, known) > 0)
      winners.set(info.contentID, info);
  }
  return [...winners.values()].toSorted((a, b) =>
    encodeHex(encodeContentKey(a.contentID)) < encodeHex(encodeContentKey(b.contentID)) ? -1 : 1,
  );
}

const inVersion1 = (info: ContentInfo): ContentInfo => ({
  ...info,
  originalLength: info.packedLength - V1_OVERHEAD,
});

describe('an index as Kopia writes it', () => {
  it('is read and written byte for byte in version 2', () => {
    const file = decodeHex(
      [
        '02110010000000010000000101000000006de7cb658071258877bdb6e27ea8ed2821',
        '6b03c361000000200002850002a1000036',
        '0000003d000000000300',
      ].join(''),
    )!;
    const name = 'qa138d19dcb8e95c9fa63f834b13901a3-s70d4d46a29cc6271147';
    const whole = concatBytes([file, encodeUtf8(name)]);
    const info = {
      contentID: parseContentID('me7cb658071258877bdb6e27ea8ed2821'),
      packBlobID: parseBlobID(name),
      packOffset: 32,
      packedLength: 673,
      originalLength: 645,
      timestampSeconds: 1_795_408_737,
      deleted: false,
      formatVersion: 3,
      compressionHeaderID: 0,
      encryptionKeyID: 0,
    };
    expect(all(open(whole))).toEqual([info]);
    expect(buildIndex([info], { version: 2 })).toEqual([whole]);
  });

  it('is read and written byte for byte in version 1', () => {
    const name = 'q42f144042b8ec7316967a7820de77730-sdf46f9463ae944aa147';
    const file = concatBytes([
      decodeHex(
        '01110014000000016dc6074c8d88eaba25d000e786cc7c6a3400006b03c36301360000002d00000447000002a2',
      )!,
      encodeUtf8(name),
    ]);
    const info = {
      contentID: parseContentID('mc6074c8d88eaba25d000e786cc7c6a34'),
      packBlobID: parseBlobID(name),
      packOffset: 1095,
      packedLength: 674,
      originalLength: 646,
      timestampSeconds: 1_795_408_739,
      deleted: false,
      formatVersion: 1,
      compressionHeaderID: 0,
      encryptionKeyID: 0,
    };
    expect(all(open(file))).toEqual([info]);
    expect(buildIndex([info], { version: 1 })).toEqual([file]);
  });

  it('adds the base time of a version 2 header to every entry', () => {
    const [file] = buildIndex([{ ...SAMPLE, timestampSeconds: 1000 }], { version: 2 });
    new DataView(file!.buffer).setUint32(13, 0x60000000);
    expect(open(file!).infoAt(0).timestampSeconds).toBe(0x60000000 + 1000);
  });
});

const SAMPLE: ContentInfo = {
  contentID: parseContentID('k00112233445566778899aabbccddeeff'),
  packBlobID: parseBlobID('q00000000000000000000000000000001-s1'),
  packOffset: 32,
  packedLength: 100,
  originalLength: 72,
  timestampSeconds: 1_700_000_000,
  deleted: false,
  formatVersion: 3,
  compressionHeaderID: 0,
  encryptionKeyID: 0,
};

function numbered(n: number): ContentInfo {
  return { ...SAMPLE, contentID: parseContentID(n.toString(16).padStart(32, '0')) };
}

/** The value size that the builder chose. */
function valueSize(list: readonly ContentInfo[]): number {
  return new DataView(buildIndex(list, { version: 2 })[0]!.buffer).getUint16(2);
}

const build = (info: Partial<ContentInfo>, version: 1 | 2) => (): unknown =>
  buildIndex([{ ...SAMPLE, ...info }], { version });

/** The definition, in arbitrary precision. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5n;
  for (const byte of encodeUtf8(text)) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
  return Number(hash);
}

/** Reads everything that can be read; any failure but CORRUPT_DATA escapes. */
function readAll(file: Uint8Array): 'read' | 'CORRUPT_DATA' {
  try {
    const index = open(file);
    for (let entry = 0; entry < index.entryCount; entry++) {
      expect(index.indexOf(index.keyAt(entry))).toBe(entry);
      expect(Object.values(index.infoAt(entry))).not.toContain(undefined);
    }
    return 'read';
  } catch (error) {
    if (!hasCode(error, 'CORRUPT_DATA')) throw error;
    return 'CORRUPT_DATA';
  }
}

const openHex = (hex: string) => (): unknown => open(decodeHex(hex)!);

const firstEntryWith =
  (file: Uint8Array, offset: number, ...bytes: number[]) =>
  (): unknown => {
    const changed = file.slice();
    changed.set(bytes, offset);
    return open(changed).infoAt(0);
  };

describe('building and opening', () => {
  it('gives back the winner of each content in version 2', () => {
    fc.assert(
      fc.property(fc.array(entries(2 ** 28 - 1, true), { minLength: 1, maxLength: 60 }), (list) => {
        const [file] = buildIndex(list, { version: 2 });
        expect(all(open(file!))).toEqual(model(list));
      }),
    );
  });

  it('gives back the winner of each content in version 1, but for the original length', () => {
    fc.assert(
      fc.property(fc.array(entries(2 ** 31, false), { minLength: 1, maxLength: 60 }), (list) => {
        const [file] = buildIndex(list, { version: 1 });
        expect(all(open(file!))).toEqual(model(list).map(inVersion1));
      }),
    );
  });

  it('does not depend on the order of the entries', () => {
    fc.assert(
      fc.property(fc.array(entries(5000, true), { minLength: 1, maxLength: 30 }), (list) => {
        const unique = model(list);
        const sorted = buildIndex(unique, { version: 2 });
        expect(buildIndex(unique.toReversed(), { version: 2 })).toEqual(sorted);
      }),
    );
  });

  it('finds what a search from the start finds, for any key', () => {
    fc.assert(
      fc.property(
        fc.array(entries(5000, true), { minLength: 1, maxLength: 200 }),
        fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }),
        (list, otherKeys) => {
          const index = open(buildIndex(list, { version: 2 })[0]!);
          const stored = all(index);
          const keys = stored.map(({ contentID }) => encodeContentKey(contentID));
          for (const key of [...keys, ...otherKeys]) {
            const hex = encodeHex(key);
            const position = keys.findIndex((candidate) => encodeHex(candidate) >= hex);
            expect(index.lowerBound(key)).toBe(position < 0 ? keys.length : position);
            expect(index.find(key)).toEqual(stored.find((_, at) => encodeHex(keys[at]!) === hex));
          }
        },
      ),
    );
  });

  it('finds every key even if the keys are spread as unevenly as can be', () => {
    const list = Array.from({ length: 3000 }, (_, n) => numbered(n < 1500 ? n : 2 ** 40 + n * n));
    const index = open(buildIndex(list, { version: 2 })[0]!);
    for (const info of list) expect(index.find(encodeContentKey(info.contentID))).toEqual(info);
    expect(index.find(encodeContentKey(numbered(1700).contentID))).toBeUndefined();
  });

  it('chooses the smallest value size that holds every entry', () => {
    const otherFormat = { ...numbered(2), formatVersion: 2 };
    expect(valueSize([numbered(1)])).toBe(16);
    expect(valueSize([numbered(1), otherFormat])).toBe(17);
    expect(valueSize([{ ...SAMPLE, originalLength: 2 ** 24 }])).toBe(19);
    expect(valueSize([{ ...SAMPLE, packedLength: 2 ** 24 - 1 }])).toBe(16);
    const manyPacks = Array.from({ length: 65_537 }, (_, n) => ({
      ...numbered(n),
      packBlobID: parseBlobID(`p${n}`),
    }));
    expect(valueSize(manyPacks)).toBe(18);
    expect(valueSize(manyPacks.slice(1))).toBe(16);
    const index = open(buildIndex(manyPacks, { version: 2 })[0]!);
    expect(index.infoAt(65_536)).toEqual(manyPacks[65_536]);
  });

  it('refuses what a version cannot say', () => {
    expect(build({ compressionHeaderID: 0x1100 }, 1)).toThrow(/version 1/);
    expect(build({ encryptionKeyID: 1 }, 1)).toThrow(/version 1/);
    expect(build({ originalLength: 2 ** 28 }, 2)).toThrow(/length 268435456/);
    expect(build({ packOffset: 2 ** 31 }, 2)).toThrow(/pack offset/);
    expect(build({ timestampSeconds: 2 ** 32 }, 2)).toThrow(/time/);
    expect(build({ timestampSeconds: -1 }, 1)).toThrow(/time/);
    expect(build({ packedLength: 0.5 }, 1)).toThrow(/packed length/);
  });

  it('makes an empty version 1 index with key size 255, and no version 2 index, of nothing', () => {
    expect(buildIndex([], { version: 1 }).map(encodeHex)).toEqual(['01ff001400000000']);
    expect(buildIndex([], { version: 2 })).toEqual([]);
    const index = open(decodeHex('01ff001400000000')!);
    expect(index.entryCount).toBe(0);
    expect(index.find(encodeContentKey(SAMPLE.contentID))).toBeUndefined();
  });

  it('splits a large set by a hash of the content ID and leaves out empty parts', () => {
    const list = Array.from({ length: 1000 }, (_, n) => numbered(n));
    const files = buildIndex(list, { version: 2, maxEntriesPerIndex: 300 });
    expect(files).toHaveLength(4);
    const seen = files.flatMap((file, part) =>
      all(open(file)).map(({ contentID }) => {
        expect(fnv1aOfContentID(encodeContentKey(contentID)) % 4).toBe(part);
        return contentID;
      }),
    );
    expect(seen.toSorted()).toEqual(list.map(({ contentID }) => contentID));
    const two = buildIndex([numbered(1), numbered(3)], { version: 2, maxEntriesPerIndex: 1 });
    expect(two.length).toBeLessThanOrEqual(2);
  });

  it('hashes the text of content IDs with FNV-1a', () => {
    expect(fnv1a('foobar')).toBe(0xbf9cf968);
    fc.assert(
      fc.property(contentIDs, (id) => {
        expect(fnv1aOfContentID(encodeContentKey(id))).toBe(fnv1a(id));
      }),
    );
  });

  it('appends the random suffix behind everything that is referenced', () => {
    const randomSuffix = new Uint8Array(32).fill(7);
    const [bare] = buildIndex([SAMPLE], { version: 2 });
    const [file] = buildIndex([SAMPLE], { version: 2, randomSuffix });
    expect(file).toEqual(concatBytes([bare!, randomSuffix]));
    expect(all(open(file!))).toEqual([SAMPLE]);
  });
});

describe('a damaged or hostile index', () => {
  const list = Array.from({ length: 12 }, (_, n) => ({
    ...numbered(n * 7919),
    formatVersion: 1 + (n % 2),
    packBlobID: parseBlobID(`p${n % 3}`),
  }));
  const files = [buildIndex(list, { version: 1 })[0]!, buildIndex(list, { version: 2 })[0]!];

  it('is CORRUPT_DATA or has defined values, whichever bytes are changed', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.constantFrom(...files), changes, (original, bytes) => {
        const file = original.slice();
        for (const [position, value] of bytes) file[position % file.length] = value;
        expect(['read', 'CORRUPT_DATA']).toContain(readAll(file));
      }),
      { numRuns: 2000 },
    );
  });

  it('is CORRUPT_DATA or has defined values, wherever it is cut off', () => {
    for (const file of files) {
      for (let length = 0; length < file.length; length++) {
        expect(readAll(file.slice(0, length))).toBe('CORRUPT_DATA');
      }
      expect(readAll(file)).toBe('read');
    }
  });

  it('is refused when its version or header makes no sense', () => {
    expect(openHex('')).toThrow(/version/);
    expect(openHex('03')).toThrow(/version 3/);
    expect(openHex('0101001400000000')).toThrow(/keySize/);
    expect(openHex('0111001300000000')).toThrow(/valueSize/);
    expect(openHex('01110014ffffffff')).toThrow(/entries/);
    expect(openHex('0211000f00000000000000000000000000')).toThrow(/valueSize/);
    expect(openHex('0211001400000000000000000000000000')).toThrow(/valueSize/);
    expect(openHex('02ff001000000000000000000000000000')).toThrow(/keySize/);
    expect(openHex('021100100000000000ffffff0000000000')).toThrow(/packs/);
  });

  it('is refused when its keys do not ascend', () => {
    for (const file of files) {
      const stride = file[0] === 1 ? 37 : 34;
      const first = file[0] === 1 ? 8 : 17;
      const repeated = file.slice();
      repeated.copyWithin(first + stride, first, first + 17);
      expect(() => open(repeated)).toThrow(/entry 1 is not above/);
    }
  });

  it('names the field that is out of range when its entry is read', () => {
    const [v1, v2] = files;
    expect(firstEntryWith(v2!, 17 + 17 + 14, 0, 3)).toThrow(/packNumber .* 3 of 3/);
    expect(firstEntryWith(v2!, 17 + 17 + 16, 9)).toThrow(/formatNumber .* 9 of 2/);
    expect(firstEntryWith(v1!, 8 + 17 + 8, 0xff, 0xff, 0xff, 0xff)).toThrow(
      /pack name .* beyond the end/,
    );
    expect(firstEntryWith(v1!, 8 + 17 + 7, 0)).toThrow(/not a blob ID/);
    expect(firstEntryWith(v1!, 8 + 17 + 16, 0, 0, 0, 27)).toThrow(/packed length 27/);
    expect(firstEntryWith(v1!, 8, 1)).toThrow(/not above|no content prefix/);
  });
});
