import { encodeUtf8, errorCode, parseObjectID } from '@longshore/repo';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeDirManifest,
  parseDirManifest,
  type DirEntry,
  type DirManifest,
} from './dir-manifest.ts';
import { parseDirectoryStream } from './directory-stream.ts';
import { listedEntry } from './listed-entry.ts';
import { pickListed, ReusingListingScanner, scanStoredListing } from './stored-listing.ts';

const OBJECT_ID = parseObjectID('bc392cb6dc62013ef767027e8964392e');
const SUMMARY = {
  size: 5,
  files: 1,
  symlinks: 0,
  dirs: 1,
  maxTime: 1704164645000000001n,
  numFailed: 0,
  numIgnoredErrors: 0,
  errors: [],
};

function entry(overrides: Partial<DirEntry>): DirEntry {
  return {
    name: 'file',
    type: 'f',
    mode: 0o644,
    size: 0,
    mtime: 0n,
    uid: 0,
    gid: 0,
    objectID: OBJECT_ID,
    ...overrides,
  };
}

const PLAIN: DirManifest = {
  entries: [
    entry({ name: 'sub', type: 'd', mode: 0o40000755, summary: { ...SUMMARY, numFailed: 2 } }),
    entry({ name: 'ärmel 😀', size: 2 ** 40, mtime: -1n, uid: 4294967295, gid: 1 }),
    entry({ name: 'b', mtime: 1709164800123456789n, objectID: parseObjectID('IIxab') }),
    entry({ name: 'ln', type: 's', mode: 0, mtime: 1704164645120000000n, objectID: undefined }),
  ],
  summary: { ...SUMMARY, errors: [{ path: 'a', error: 'with {"braces"} and \\' }] },
};

/** The value, or the code of the error. */
function outcome(parse: () => DirManifest): unknown {
  try {
    return parse();
  } catch (error) {
    return errorCode(error) ?? error;
  }
}

function dirEntry(): fc.Arbitrary<DirEntry> {
  const id = fc.nat({ max: 0xffff_ffff });
  return fc
    .record({
      name: fc.string({ unit: fc.constantFrom('a', 'Z', '-', 'é', '😀', '"', '&'), maxLength: 12 }),
      type: fc.constantFrom('f', 'd', 's', ''),
      mode: id,
      size: fc.nat({ max: 2 ** 40 }),
      mtime: fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
      uid: id,
      gid: id,
      objectID: fc.constantFrom(OBJECT_ID, undefined, parseObjectID('Zk00ff')),
      summary: fc.constantFrom(undefined, SUMMARY),
    })
    .map(({ summary, ...rest }) => (summary === undefined ? rest : { ...rest, summary }));
}

describe('scanning a stored directory', () => {
  it('understands what is written for ordinary names, and finds in it what JSON says', () => {
    const stream = encodeDirManifest(PLAIN);
    const listing = scanStoredListing(stream);
    expect(listing?.count).toBe(4);
    expect(parseDirectoryStream(stream, 'test')).toEqual(PLAIN);
  });

  it('agrees with JSON on every directory', () => {
    fc.assert(
      fc.property(fc.array(dirEntry(), { maxLength: 8 }), (entries) => {
        const stream = encodeDirManifest({ entries, summary: SUMMARY });
        expect(parseDirectoryStream(stream, 'test')).toEqual(parseDirManifest(stream, 'test'));
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with JSON on every damaged directory', () => {
    const stream = encodeDirManifest(PLAIN);
    const interesting = encodeUtf8('"\\{}[],:0129aZ \n');
    const byte = fc.oneof(fc.constantFrom(...interesting), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.nat({ max: stream.length - 1 }), byte, (at, value) => {
        const damaged = stream.slice();
        damaged[at] = value;
        expect(outcome(() => parseDirectoryStream(damaged, 'test'))).toEqual(
          outcome(() => parseDirManifest(damaged, 'test')),
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('agrees with JSON on every day of a year and on leap days', () => {
    for (const start of [-9_000_000_000n, 951_782_400n, 1_704_067_200n, 4_102_444_800n]) {
      const entries = Array.from({ length: 366 }, (_, day) =>
        entry({ name: `f${day}`, mtime: (start + BigInt(day) * 86_400n) * 1_000_000_000n + 7n }),
      );
      const stream = encodeDirManifest({ entries, summary: SUMMARY });
      expect(parseDirectoryStream(stream, 'test').entries).toEqual(entries);
    }
  });

  it.each([
    ['escaped names', '{"name":"a\\u0026b","type":"f","obj":"00ff"}'],
    ['white space', '{"name": "a","type":"f","obj":"00ff"}'],
    ['unknown members', '{"name":"a","type":"f","new":1,"obj":"00ff"}'],
    ['members in another order', '{"type":"f","name":"a","obj":"00ff"}'],
    ['members that are there twice', '{"name":"a","name":"b","obj":"00ff"}'],
    ['numbers with an exponent', '{"name":"a","size":1e3,"obj":"00ff"}'],
    ['modes that are not octal', '{"name":"a","mode":"420","obj":"00ff"}'],
    ['times with a zone', '{"name":"a","mtime":"2024-01-02T03:04:05+01:00","obj":"00ff"}'],
    ['times outside of 64 bits', '{"name":"a","mtime":"0001-01-01T00:00:00Z","obj":"00ff"}'],
  ])('leaves %s to JSON', (_, member) => {
    const text = `{"stream":"kopia:directory","entries":[${member}],"summary":{"size":0}}\n`;
    expect(scanStoredListing(encodeUtf8(text))).toBeUndefined();
    expect(parseDirectoryStream(encodeUtf8(text), 'test').entries).toHaveLength(1);
  });

  it('leaves bytes that are no UTF-8 to JSON', () => {
    const stream = encodeDirManifest({ entries: [entry({ name: 'xx' })], summary: SUMMARY });
    stream[stream.indexOf(0x78)] = 0xff;
    expect(scanStoredListing(stream)).toBeUndefined();
  });

  it('gives chosen entries that stay when the next listing is scanned', () => {
    const scanner = new ReusingListingScanner();
    const listing = scanner.scan(encodeDirManifest(PLAIN))!;
    const picked = pickListed(listing, Uint32Array.of(2, 0));
    scanner.scan(encodeDirManifest({ entries: [entry({ name: 'other' })], summary: SUMMARY }));
    expect([0, 1].map((index) => listedEntry(picked, index, 'test').name)).toEqual(['b', 'sub']);
  });
});
