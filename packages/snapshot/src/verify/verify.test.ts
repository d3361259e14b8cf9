import {
  createReadOnlyStorage,
  encodeUtf8,
  LongshoreError,
  objectReference,
  openRepository,
  parseObjectID,
  type BlobStorage,
  type ContentID,
  type MemoryStorage,
  type OpenWritableRepository,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { DirEntry } from '../dir-manifest.ts';
import {
  commitTree,
  createTestRepository,
  dir,
  file,
  link,
  storeIndexObject,
  type TreeNode,
} from '../tree-fixture.ts';
import type { VerifyEvent, VerifyOptions, VerifyResult } from './verify-options.ts';
import { verifySnapshots } from './verify.ts';

const algorithms = nativeAlgorithms();
let repository: OpenWritableRepository;
let storage: MemoryStorage;
beforeEach(async () => {
  ({ repository, storage } = await createTestRepository(algorithms, { splitter: 'FIXED-128K' }));
});

async function verify(
  tree: TreeNode | DirEntry,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const entry = 'name' in tree ? tree : await commitTree(repository, tree);
  return verifySnapshots(repository, [{ name: 'snap', entry }], options);
}

const big = 'abcdefgh'.repeat(50_000);
const LOST = parseObjectID('f'.repeat(32));
const lost = (size = 3): TreeNode => ({ type: 'f', objectID: LOST, size });

const found = ({ errors }: VerifyResult): readonly (readonly [string, unknown])[] =>
  errors.map(({ path, error }) => [path, Reflect.get(error as object, 'code')]);

function packOf(id: string): ReturnType<OpenWritableRepository['contents']['contentInfo']> {
  return repository.contents.contentInfo(objectReference(parseObjectID(id)).contentID);
}

describe('a sound snapshot', () => {
  const tree = dir({
    a: file('one'),
    b: file(big),
    same: file('one'),
    sub: dir({ l: link('x'), empty: file(''), same: file('one') }),
  });

  it('has no errors, and each distinct object counts once', async () => {
    expect(await verify(tree)).toEqual({
      directories: 2,
      files: 4,
      fileBytes: 400_004,
      filesRead: 0,
      bytesRead: 0,
      packs: 2,
      errorCount: 0,
      errors: [],
      finished: true,
    });
  });

  it('is read to the last byte at 100 percent, each distinct content once', async () => {
    const entry = await commitTree(repository, tree);
    const read = vi.spyOn(repository.contents, 'readContents');
    const again = { ...entry, name: 'again' };
    const roots = [entry, again].map((root) => ({ name: root.name, entry: root }));
    const result = await verifySnapshots(repository, roots, { verifyFilesPercent: 100 });
    // The big file is four chunks, the first three of which are equal.
    const bytes = 3 + 131_072 + (400_000 - 3 * 131_072) + 1;
    expect(result).toMatchObject({ files: 4, filesRead: 4, bytesRead: bytes, errorCount: 0 });
    const ids = read.mock.calls.flatMap(([contents]) => [...contents]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is read in the share that is asked for', async () => {
    const many = dir(Array.from({ length: 200 }, (_, i) => [`f${i}`, file(`${i}`)] as const));
    let draws = 0;
    const randomFraction = (): number => (draws++ % 10) / 10;
    const result = await verify(many, { verifyFilesPercent: 30, randomFraction });
    expect(result).toMatchObject({ files: 200, filesRead: 60, errorCount: 0 });
  });

  it('may be a single file', async () => {
    expect(await verify(file('alone'), { verifyFilesPercent: 100 })).toMatchObject({
      directories: 0,
      files: 1,
      filesRead: 1,
      bytesRead: 5,
    });
  });

  it('tells its progress', async () => {
    const events: VerifyEvent[] = [];
    await verify(tree, { verifyFilesPercent: 100, onEvent: (event) => events.push(event) });
    expect(events.at(-1)).toMatchObject({ type: 'progress', directories: 2, files: 4 });
    expect(events.every(({ type }) => type === 'progress')).toBe(true);
  });

  it('is found sound with object-level compression', async () => {
    const old = await createTestRepository(algorithms, { version: 1, splitter: 'FIXED-128K' });
    await using writer = old.repository.newWriter();
    const objectID = await writer.writeObject(encodeUtf8(big), { compressor: 'zstd' });
    await writer.flush();
    const entry = await commitTree(
      old.repository,
      dir({ good: { type: 'f', objectID, size: big.length } }),
    );
    const result = await verifySnapshots(old.repository, [{ name: 'old', entry }], {
      verifyFilesPercent: 100,
    });
    expect(result).toMatchObject({ errorCount: 0, filesRead: 1 });
  });

  it('written since the packs were listed is found by asking for its pack', async () => {
    const entry = await commitTree(repository, dir({ f: file('f') }));
    vi.spyOn(storage, 'listBlobs').mockImplementation(async function* () {});
    expect(await verify(entry)).toMatchObject({ errorCount: 0, files: 1 });
  });
});

describe('damage', () => {
  const unlimited = { maxErrors: -1 };

  it('without any reading is found where a content is in no index', async () => {
    const result = await verify(dir({ bad: lost(), good: file('x') }), unlimited);
    expect(found(result)).toEqual([['snap/bad', 'CONTENT_NOT_FOUND']]);
    expect(result.errors[0]).toMatchObject({ objectID: LOST });
  });

  it('without any reading is found in each part of a chunked file', async () => {
    await using writer = repository.newWriter();
    const objectID = await storeIndexObject(writer, { entries: [{ l: 4, o: LOST }] });
    await writer.flush();
    const noIndex = parseObjectID(`Ix${LOST}`);
    const result = await verify(
      dir({ chunk: { type: 'f', objectID, size: 4 }, index: { type: 'f', objectID: noIndex } }),
      unlimited,
    );
    expect(new Map(found(result))).toEqual(
      new Map([
        ['snap/chunk', 'CONTENT_NOT_FOUND'],
        ['snap/index', 'CONTENT_NOT_FOUND'],
      ]),
    );
  });

  it('without any reading is found where a pack is missing or too short', async () => {
    const { objectID } = await commitTree(repository, file('in another pack'));
    const tree = await commitTree(repository, dir({ f: file('in another pack'), g: file('g') }));
    const info = packOf(objectID!)!;
    const bytes = await storage.getBlob(info.packBlobID);
    await storage.putBlob(info.packBlobID, bytes.subarray(0, info.packOffset + 5));
    const short = await verify(tree, unlimited);
    await storage.deleteBlob(info.packBlobID);
    const missing = await verify(tree, unlimited);
    for (const result of [short, missing]) {
      expect(found(result)).toEqual([['snap/f', 'CORRUPT_DATA']]);
      expect(result.errors[0]?.error).toMatchObject({
        message: expect.stringContaining(info.packBlobID),
        facts: { path: 'snap/f', objectID, blobID: info.packBlobID },
      });
    }
  });

  it('of a flipped bit is found by reading, in every file that has the content', async () => {
    const { objectID } = await commitTree(repository, file('precious'));
    await using writer = repository.newWriter();
    const two = await storeIndexObject(writer, {
      entries: [
        { l: 8, o: objectID },
        { s: 8, l: 8, o: objectID },
      ],
    });
    await writer.flush();
    const tree = await commitTree(
      repository,
      dir({ a: file('precious'), b: { type: 'f', objectID: two, size: 16 }, c: file('good') }),
    );
    const info = packOf(objectID!)!;
    const bytes = await storage.getBlob(info.packBlobID);
    bytes[info.packOffset + 3]! ^= 1;
    await storage.putBlob(info.packBlobID, bytes);
    expect(await verify(tree, unlimited)).toMatchObject({ errorCount: 0 });
    const result = await verify(tree, { ...unlimited, verifyFilesPercent: 100 });
    expect(found(result)).toEqual([
      ['snap/a', 'CORRUPT_DATA'],
      ['snap/b', 'CORRUPT_DATA'],
    ]);
    expect(result).toMatchObject({ files: 3, filesRead: 1, finished: true });
  });

  it('of lengths is found: of entry against object, and of chunk list against content', async () => {
    await using writer = repository.newWriter();
    const content = await writer.writeObject(encodeUtf8('12345'));
    const objectID = await storeIndexObject(writer, {
      entries: [
        { l: 5, o: content },
        { s: 5, l: 4, o: content },
      ],
    });
    await writer.flush();
    const tree = dir({
      entry: file('12345', { size: 6 }),
      sound: file('12345'),
      list: { type: 'f', objectID, size: 9 },
    });
    const result = await verify(tree, { ...unlimited, verifyFilesPercent: 100 });
    expect(found(result)).toEqual([
      ['snap/entry', 'CORRUPT_DATA'],
      ['snap/list', 'CORRUPT_DATA'],
    ]);
  });

  it('of directories costs no other, and types that nobody knows are damage', async () => {
    const tree = dir({
      lost: { type: 'd', objectID: parseObjectID(`k${LOST}`) },
      file: { type: 'd', data: 'x', objectID: undefined },
      odd: { type: 'x', data: 'x' },
      good: dir({ f: file('f') }),
    });
    const result = await verify(tree, unlimited);
    expect(new Map(found(result))).toEqual(
      new Map([
        ['snap/file', 'CORRUPT_DATA'],
        ['snap/lost', 'CONTENT_NOT_FOUND'],
        ['snap/odd', 'UNSUPPORTED'],
      ]),
    );
    expect(result).toMatchObject({ files: 1 });
  });

  it('of a directory’s pack is found though a cache still has the directory', async () => {
    const kept = new Map<string, Uint8Array>();
    const cache = {
      get: async (key: string) => kept.get(key),
      has: async (key: string) => kept.has(key),
      put: async (key: string, data: Uint8Array) => void kept.set(key, data.slice()),
    };
    const entry = await commitTree(repository, dir({ f: file('f') }));
    await using cached = await openRepository({ storage, password: 'test', algorithms, cache });
    const content = objectReference(entry.objectID!).contentID;
    await cached.contents.getContent(content);
    expect(kept.size).toBeGreaterThan(0);
    await storage.deleteBlob(cached.contents.contentInfo(content)!.packBlobID);
    const result = await verifySnapshots(cached, [{ name: 'snap', entry }], unlimited);
    expect(found(result)).toEqual([['snap', 'CORRUPT_DATA']]);
  });
});

describe('the error limit', () => {
  const bad = dir(
    Array.from({ length: 6 }, (_, i) => {
      const objectID = parseObjectID(`${i}${'f'.repeat(31)}`);
      return [`f${i}`, { type: 'f', objectID, size: 1 }] as const;
    }),
  );

  it.each([
    [undefined, 1, false],
    [0, 1, false],
    [1, 1, false],
    [4, 4, false],
    [7, 6, true],
    [-1, 6, true],
  ])('%s stops after %i errors', async (maxErrors, errorCount, finished) => {
    const result = await verify(bad, maxErrors === undefined ? {} : { maxErrors });
    expect(result).toMatchObject({ errorCount, finished });
    expect(result.errors).toHaveLength(errorCount);
  });
});

describe('what is no damage', () => {
  const tree = dir({ f: file('f'), g: file(big) });

  it('is a storage that fails', async () => {
    const entry = await commitTree(repository, tree);
    const error = new LongshoreError('STORAGE_FAILED', 'no answer');
    vi.spyOn(repository.contents, 'readContents').mockRejectedValue(error);
    await expect(verify(entry, { maxErrors: -1 })).rejects.toBe(error);
  });

  it('is an abort', async () => {
    const entry = await commitTree(repository, tree);
    const controller = new AbortController();
    const reason = new Error('enough');
    const verifying = verify(entry, {
      verifyFilesPercent: 100,
      signal: controller.signal,
      onEvent: () => controller.abort(reason),
    });
    await expect(verifying).rejects.toBe(reason);
  });

  it.each([
    { verifyFilesPercent: 101 },
    { verifyFilesPercent: -1 },
    { verifyFilesPercent: Number.NaN },
    { verifyFilesPercent: 50 },
    { parallel: 0 },
    { memoryLimit: 0 },
    { maxRemembered: 0 },
  ])('is a wrong option: %j', async (options) => {
    const entry = await commitTree(repository, tree);
    await expect(verify(entry, options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('is a storage that only reads', async () => {
    const entry = await commitTree(repository, tree);
    const readOnly: BlobStorage = createReadOnlyStorage(storage);
    await using reading = await openRepository({ storage: readOnly, password: 'test', algorithms });
    const result = await verifySnapshots(reading, [{ name: 'snap', entry }], {
      verifyFilesPercent: 100,
    });
    expect(result).toMatchObject({ errorCount: 0, filesRead: 2 });
  });
});

describe('a bare object', () => {
  const verifyObject = (name: string, type?: 'd'): Promise<VerifyResult> => {
    const root = { name, objectID: parseObjectID(name), ...(type && { type }) };
    return verifySnapshots(repository, [root], { verifyFilesPercent: 100, maxErrors: -1 });
  };

  it.each([6, 300_000])('of %i bytes is a sound file of that size', async (length) => {
    const { objectID } = await commitTree(repository, file('a'.repeat(length)));
    expect(await verifyObject(objectID!)).toMatchObject({
      errorCount: 0,
      filesRead: 1,
      fileBytes: length,
    });
  });

  it('that is said to be a directory and is a file is an error', async () => {
    const { objectID } = await commitTree(repository, file('no listing'));
    const { errors, filesRead } = await verifyObject(objectID!, 'd');
    expect(filesRead).toBe(0);
    expect(errors).toMatchObject([{ path: objectID, error: { code: 'CORRUPT_DATA' } }]);
  });

  it('that is a directory is walked', async () => {
    const { objectID } = await commitTree(repository, dir({ f: file('f'), g: file('g') }));
    expect(await verifyObject(objectID!)).toMatchObject({ directories: 1, files: 2 });
  });

  it('that is not there is an error', async () => {
    const { errors } = await verifyObject('00000000000000000000000000000000');
    expect(errors).toMatchObject([{ error: { code: 'OBJECT_NOT_FOUND' } }]);
  });
});

it('repeats only what it had to forget', async () => {
  const entry = await commitTree(
    repository,
    dir(Array.from({ length: 20 }, (_, i) => [`f${i}`, file(`${i % 4}`)] as const)),
  );
  const read = vi.spyOn(repository.contents, 'readContents');
  const result = await verify(entry, { verifyFilesPercent: 100, maxRemembered: 2 });
  expect(result.errorCount).toBe(0);
  expect(result.files).toBe(20);
  const ids = read.mock.calls.flatMap(([contents]): readonly ContentID[] => [...contents]);
  expect(new Set(ids).size).toBe(5);
});
