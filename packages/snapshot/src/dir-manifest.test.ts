import { encodeHex, encodeUtf8, errorCode, parseObjectID } from '@longshore/repo';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareDirEntries,
  EMPTY_SUMMARY,
  encodeDirEntry,
  encodeDirManifest,
  encodeDirManifestPieces,
  parseDirManifest,
  wrapTime,
  type DirEntry,
  type DirManifest,
  type DirSummary,
} from './dir-manifest.ts';
import { DirManifestBuilder } from './dir-manifest-builder.ts';

const OBJECT_ID = parseObjectID('bc392cb6dc62013ef767027e8964392e');
const SUB_MTIME = 1714979289000000001n;

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

async function sha256(bytes: Uint8Array): Promise<string> {
  return encodeHex(
    new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)),
  );
}

const emptyDirectory = new DirManifestBuilder().build(SUB_MTIME);

/** The directory D1 of the vectors: every escape, every kind of entry, a name that is not valid UTF-8. */
function oddDirectory(): DirManifest {
  const oddName = Uint8Array.of(
    ...encodeUtf8('a & <b> "q" \\ \b\f\n\r\t\u0001\u007f\u2028é😀'),
    0xff,
  );
  const builder = new DirManifestBuilder();
  builder.add(
    entry({
      name: 'ln',
      type: 's',
      mode: 0o777,
      size: 9,
      mtime: 1704164645000000000n,
      objectID: parseObjectID('756863f1d2b4eec4a5a4d3c39953a17c'),
    }),
  );
  builder.add(
    entry({ name: 'empty', objectID: parseObjectID('4e51e7a913fc80137da52880fecca175') }),
  );
  builder.add(
    entry({
      name: 'a & <b> "q" \\ \b\f\n\r\t\u0001\u007f\u2028é😀\ufffd',
      rawName: oddName,
      mode: 0o755 | (1 << 23),
      size: 6,
      mtime: 1704164645120000000n,
      uid: 1000,
      gid: 100,
    }),
  );
  builder.add(
    entry({
      name: 'sub',
      type: 'd',
      mode: 0o755 | (1 << 22),
      mtime: SUB_MTIME,
      objectID: parseObjectID('kd184e93c0638bb0c793feb111836aa43'),
      summary: emptyDirectory.summary,
    }),
  );
  return builder.build(0n);
}

describe('the stream of a directory', () => {
  it('is that of Kopia for an empty directory', async () => {
    const stream = encodeDirManifest(emptyDirectory);
    expect(stream.length).toBe(154);
    expect(await sha256(stream)).toBe(
      '128ee7a2da7ac303fe68db354c63bd6a16194ad90ece7773313f22d2b15f2597',
    );
  });

  it('is that of Kopia for odd names, modes and times', async () => {
    const stream = encodeDirManifest(oddDirectory());
    expect(stream.length).toBe(803);
    expect(await sha256(stream)).toBe(
      '46ef6f96b5ea2d3f08c196c0d70ebb6d230ef2b8da770c7a3bc2ed7b5f8bd03a',
    );
  });

  it('leaves out what is zero or empty', () => {
    expect(encodeDirEntry(entry({ name: '', type: '', mode: 0, objectID: undefined }))).toBe(
      '{"obj":""}',
    );
  });

  it('cannot be broken by a reason or an error text', () => {
    const manifest: DirManifest = {
      entries: [],
      summary: {
        ...EMPTY_SUMMARY,
        incomplete: 'a"b',
        numIgnoredErrors: 1,
        errors: [{ path: 'x"', error: '<\\>' }],
      },
    };
    expect(parseDirManifest(encodeDirManifest(manifest), 'test')).toEqual(manifest);
  });

  it('is the same in one piece and in several', () => {
    const builder = new DirManifestBuilder();
    for (let i = 0; i < 9000; i++) builder.add(entry({ name: `file ${i}`, size: i }));
    const manifest = builder.build(0n);
    const pieces = [...encodeDirManifestPieces(manifest)];
    expect(pieces.length).toBe(4);
    const parsed = parseDirManifest(encodeDirManifest(manifest), 'test');
    expect(parsed).toEqual(manifest);
  });
});

function readTime(mtime: string): bigint {
  const stream = `{"stream":"kopia:directory","entries":[{"name":"a","mtime":"${mtime}"}]}`;
  return parseDirManifest(encodeUtf8(stream), 'test').entries[0]!.mtime;
}

describe('times', () => {
  it.each([
    [0n, undefined],
    [1n << 64n, undefined],
    [1704164645120000000n, '2024-01-02T03:04:05.12Z'],
    [-468010432877000000n, '1955-03-04T05:06:07.123Z'],
    [-(1n << 63n), '1677-09-21T00:12:43.145224192Z'],
    [1n << 63n, '1677-09-21T00:12:43.145224192Z'],
    [-62135596800_000000000n, '1754-08-30T22:43:41.128654848Z'],
  ])('of %s ns are stored as %s', (mtime, stored) => {
    const json = JSON.parse(encodeDirEntry(entry({ mtime }))) as { readonly mtime?: string };
    expect(json.mtime).toBe(stored);
  });

  it('are read with any offset and wrapped into 64 bits', () => {
    expect(readTime('2024-01-02T04:04:05.120000+01:00')).toBe(1704164645120000000n);
    expect(readTime('0001-01-01T00:00:00Z')).toBe(wrapTime(-62135596800_000000000n));
  });
});

describe('the order of entries', () => {
  it('puts directories first and then compares the bytes of names', () => {
    const names = ['～z', '😀z', 'é', 'e', 'Z', 'a', '\ue000', '\ud7ff', 'ab'];
    const entries = names.map((name) => entry({ name }));
    const directory = entry({ name: 'zz', type: 'd' });
    const sorted = [...entries, directory].sort(compareDirEntries).map(({ name }) => name);
    expect(sorted).toEqual(['zz', 'Z', 'a', 'ab', 'e', 'é', '\ud7ff', '\ue000', '～z', '😀z']);
  });

  it('compares a name that is not valid UTF-8 by its raw bytes', () => {
    const raw = entry({ name: '\ufffd', rawName: Uint8Array.of(0x80) });
    expect(compareDirEntries(raw, entry({ name: 'é' }))).toBeLessThan(0);
    expect(compareDirEntries(raw, entry({ name: '\u007f' }))).toBeGreaterThan(0);
  });

  it('is byte order for all pairs of names', () => {
    const name = fc.string({ unit: 'binary', maxLength: 4 });
    fc.assert(
      fc.property(name, name, (a, b) => {
        const expected = Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(Math.sign(compareDirEntries(entry({ name: a }), entry({ name: b })))).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

function encodeEntries(entries: readonly DirEntry[]): Uint8Array {
  const builder = new DirManifestBuilder();
  for (const item of entries) {
    builder.add(item);
    builder.addError({ path: `${item.type}${item.name}`, error: 'no' }, item.size % 2 === 0);
  }
  return encodeDirManifest(builder.build(3n));
}

describe('summaries', () => {
  it('count files, symlinks and directories below, without the size of symlinks', () => {
    expect(oddDirectory().summary).toEqual({
      ...EMPTY_SUMMARY,
      size: 6,
      files: 2,
      symlinks: 1,
      dirs: 2,
      maxTime: SUB_MTIME,
    });
  });

  it('take the latest time of all entries and of what is below directories, not their own', () => {
    const builder = new DirManifestBuilder();
    builder.add(entry({ name: 'f', mtime: 5n }));
    builder.add(
      entry({ name: 'd', type: 'd', mtime: 7n, summary: { ...EMPTY_SUMMARY, maxTime: 6n } }),
    );
    expect(builder.build(100n).summary.maxTime).toBe(7n);
    builder.add(
      entry({ name: 'e', type: 'd', mtime: 1n, summary: { ...EMPTY_SUMMARY, maxTime: 9n } }),
    );
    expect(builder.build(100n).summary.maxTime).toBe(9n);
  });

  it('never fall below the epoch, unless there are no entries', () => {
    const builder = new DirManifestBuilder();
    expect(builder.build(-5n).summary.maxTime).toBe(-5n);
    builder.add(entry({ mtime: -1n }));
    expect(builder.build(-5n).summary.maxTime).toBe(0n);
  });

  it('add up failures and sort all of them by path, however many', () => {
    const below: DirSummary = {
      ...EMPTY_SUMMARY,
      numFailed: 150_000,
      numIgnoredErrors: 2,
      errors: Array.from({ length: 150_000 }, (_, i) => ({ path: `d/${i}`, error: 'no' })),
    };
    const builder = new DirManifestBuilder();
    builder.addError({ path: 'z', error: 'failed' }, false);
    builder.addError({ path: 'a', error: 'ignored' }, true);
    builder.add(entry({ name: 'd', type: 'd', summary: below }));
    const { summary } = builder.build(0n);
    expect(summary.numFailed).toBe(150_001);
    expect(summary.numIgnoredErrors).toBe(3);
    expect(summary.errors.length).toBe(150_002);
    expect(summary.errors[0]?.path).toBe('a');
    expect(summary.errors.at(-1)?.path).toBe('z');
  });

  it('of a clone are independent of the builder', () => {
    const builder = new DirManifestBuilder();
    builder.add(entry({ name: 'a', size: 1 }));
    const clone = builder.clone();
    builder.add(entry({ name: 'b', size: 2 }));
    builder.addError({ path: 'c', error: 'no' }, false);
    const checkpoint = clone.build(0n, 'checkpoint');
    expect(checkpoint.entries.map(({ name }) => name)).toEqual(['a']);
    expect(checkpoint.summary).toMatchObject({ size: 1, numFailed: 0, incomplete: 'checkpoint' });
    expect(builder.build(0n).summary).toMatchObject({ size: 3, numFailed: 1 });
  });

  it('do not depend on the order in which entries are added', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(dirEntry(), {
          selector: ({ name }) => name,
          maxLength: 8,
        }),
        fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
        (entries, keys) => {
          const shuffled = entries
            .map((item, i) => ({ item, key: keys[i]! }))
            .sort((a, b) => a.key - b.key)
            .map(({ item }) => item);
          expect(encodeEntries(shuffled)).toEqual(encodeEntries(entries));
        },
      ),
    );
  });
});

function summaries(): fc.Arbitrary<DirSummary> {
  const count = fc.nat({ max: 2 ** 30 });
  return fc
    .record({
      size: fc.nat({ max: 2 ** 40 }),
      files: count,
      symlinks: count,
      dirs: count,
      maxTime: fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
      incomplete: fc.constantFrom(undefined, 'checkpoint', 'canceled', 'limit reached', 'other'),
      numFailed: count,
      numIgnoredErrors: count,
      errors: fc.array(fc.record({ path: fc.uuid(), error: text() }), { maxLength: 3 }),
    })
    .map(({ incomplete, ...rest }) => (incomplete === undefined ? rest : { ...rest, incomplete }));
}

function text(): fc.Arbitrary<string> {
  return fc.string({ unit: 'binary', maxLength: 12 });
}

function dirEntry(): fc.Arbitrary<DirEntry> {
  const id = fc.nat({ max: 0xffff_ffff });
  return fc
    .record({
      name: text(),
      type: fc.constantFrom('f', 'd', 's'),
      mode: id,
      size: fc.nat({ max: 2 ** 40 }),
      mtime: fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
      uid: id,
      gid: id,
      objectID: fc.constantFrom(OBJECT_ID, undefined, parseObjectID('IIx00ff')),
      summary: fc.option(summaries(), { nil: undefined }),
    })
    .map(({ summary, ...rest }) => (summary === undefined ? rest : { ...rest, summary }));
}

/** The code of the error that reading fails with; undefined if it does not. */
function failureOf(stream: Uint8Array): unknown {
  try {
    parseDirManifest(stream, 'test');
    return undefined;
  } catch (error) {
    return errorCode(error) ?? error;
  }
}

describe('reading', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(fc.array(dirEntry(), { maxLength: 5 }), summaries(), (entries, summary) => {
        const manifest = { entries, summary };
        expect(parseDirManifest(encodeDirManifest(manifest), 'test')).toEqual(manifest);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['0644', 0o644],
    ['040000755', 0o40000755],
    ['0x1ff', 0x1ff],
    ['420', 420],
    ['0', 0],
    ['037777777777', 0xffff_ffff],
  ])('takes the mode %s for %i', (mode, expected) => {
    const stream = `{"stream":"kopia:directory","entries":[{"mode":"${mode}"}],"summary":null}`;
    expect(parseDirManifest(encodeUtf8(stream), 'test').entries[0]!.mode).toBe(expected);
  });

  it.each([
    ['no JSON', ''],
    ['another stream', '{"stream":"kopia:indirect","entries":[]}'],
    ['no object', '[]'],
    ['entries that are no list', '{"stream":"kopia:directory","entries":{}}'],
    ['an entry that is no object', '{"stream":"kopia:directory","entries":[1]}'],
    ['a name that is no string', '{"stream":"kopia:directory","entries":[{"name":1}]}'],
    ['a negative size', '{"stream":"kopia:directory","entries":[{"size":-1}]}'],
    ['a size with a fraction', '{"stream":"kopia:directory","entries":[{"size":1.5}]}'],
    ['a size beyond 2^53', '{"stream":"kopia:directory","entries":[{"size":9007199254740993}]}'],
    ['an owner beyond 32 bits', '{"stream":"kopia:directory","entries":[{"uid":4294967296}]}'],
    ['a mode beyond 32 bits', '{"stream":"kopia:directory","entries":[{"mode":"0400000000000"}]}'],
    ['a mode in words', '{"stream":"kopia:directory","entries":[{"mode":"rwx"}]}'],
    ['a mode with a bad digit', '{"stream":"kopia:directory","entries":[{"mode":"089"}]}'],
    ['an object ID without meaning', '{"stream":"kopia:directory","entries":[{"obj":"k1"}]}'],
    ['a time without meaning', '{"stream":"kopia:directory","entries":[{"mtime":"today"}]}'],
    ['a summary that is a list', '{"stream":"kopia:directory","entries":[],"summary":[]}'],
    ['errors that are no list', '{"stream":"kopia:directory","summary":{"errors":1}}'],
  ])('refuses %s', (_, stream) => {
    expect(() => parseDirManifest(encodeUtf8(stream), 'directory kab')).toThrow(
      expect.objectContaining({
        code: 'CORRUPT_DATA',
        message: expect.stringContaining('directory kab') as string,
      }),
    );
  });

  it('fails as damage, never otherwise, on any damaged stream', () => {
    const stream = encodeDirManifest(oddDirectory());
    fc.assert(
      fc.property(fc.nat({ max: stream.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const damaged = stream.slice();
        damaged[at] = byte;
        expect([undefined, 'CORRUPT_DATA']).toContain(failureOf(damaged));
      }),
      { numRuns: 1000 },
    );
  });
});
