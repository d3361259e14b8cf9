import {
  encodeUtf8,
  parseObjectID,
  type ObjectID,
  type OpenWritableRepository,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  MAX_BATCH_DIRECTORIES,
  MAX_BATCH_STREAM_BYTES,
  readDirectoryBatch,
  takeDirectoryBatch,
} from './directory-batch.ts';
import { createTestRepository, dir, file, storeTree, type TreeNode } from './tree-fixture.ts';

let repository: OpenWritableRepository;
let ids: readonly ObjectID[];
let indirect: ObjectID;
let noDirectory: ObjectID;
beforeAll(async () => {
  ({ repository } = await createTestRepository(nativeAlgorithms(), { splitter: 'FIXED-128K' }));
  await using writer = repository.newWriter();
  const store = async (tree: TreeNode): Promise<ObjectID> =>
    (await storeTree(writer, tree)).objectID!;
  ids = [await store(dir({ a: file('a') })), await store(dir({ b: file('b') }))];
  const many = Array.from({ length: 2000 }, (_, i) => [`entry ${i}`, file('x')] as const);
  indirect = await store(dir(many));
  noDirectory = await writer.writeObject(encodeUtf8('{"stream":"other"}'), { prefix: 'k' });
  await writer.flush();
});

const missing = parseObjectID('kffffffffffffffffffffffffffffffff');

describe('readDirectoryBatch', () => {
  it('gives manifests in the order of the IDs, each loaded once and parsed when it is wanted', async () => {
    const results = await readDirectoryBatch(repository, [ids[1], ids[0], ids[1]]);
    expect(results.map((result) => result.parse().manifest?.entries[0]?.name)).toEqual([
      'b',
      'a',
      'b',
    ]);
    expect(results[0]).toBe(results[2]);
    expect(results[0]!.parse()).not.toBe(results[0]!.parse());
  });

  it('reads all that are one content with one bulk read, and others by themselves', async () => {
    const bulk = vi.spyOn(repository.contents, 'readContents');
    const single = vi.spyOn(repository, 'openObject');
    const results = await readDirectoryBatch(repository, [...ids, indirect]);
    expect(results.map((result) => result.parse().manifest?.entries.length)).toEqual([1, 1, 2000]);
    expect(bulk).toHaveBeenCalledTimes(1);
    expect(single).toHaveBeenCalledTimes(1);
    bulk.mockRestore();
    single.mockRestore();
  });

  it('keeps damage to the directory that it struck', async () => {
    const results = await readDirectoryBatch(repository, [
      ids[0],
      missing,
      noDirectory,
      undefined,
      parseObjectID(`I${missing}`),
      ids[1],
    ]);
    expect(results.map((result) => result.parse().manifest?.entries[0]?.name)).toEqual([
      'a',
      undefined,
      undefined,
      undefined,
      undefined,
      'b',
    ]);
    expect(results.slice(1, 5).map((result) => result.parse())).toEqual([
      { error: expect.objectContaining({ code: 'CONTENT_NOT_FOUND' }) },
      { error: expect.objectContaining({ code: 'CORRUPT_DATA' }) },
      { error: expect.objectContaining({ code: 'CORRUPT_DATA' }) },
      { error: expect.objectContaining({ code: 'CONTENT_NOT_FOUND' }) },
    ]);
  });
});

describe('takeDirectoryBatch', () => {
  it('takes from the end, so many at most', () => {
    const stack = Array.from({ length: 100 }, (_, index) => ({ index, id: ids[0] }));
    const batch = takeDirectoryBatch(repository, stack, ({ id }) => id);
    expect(batch.map(({ index }) => index)).toEqual(
      Array.from({ length: MAX_BATCH_DIRECTORIES }, (_, i) => 99 - i),
    );
    expect(stack).toHaveLength(100 - MAX_BATCH_DIRECTORIES);
  });

  it('takes a directory with an index object alone, whatever is around it', () => {
    const stack = [ids[0], indirect, ids[1]];
    const batches = [1, 2, 3].map(() => takeDirectoryBatch(repository, stack, (id) => id));
    expect(batches).toEqual([[ids[1]], [indirect], [ids[0]]]);
  });

  it('holds no more bytes at once than it says', () => {
    const length = MAX_BATCH_STREAM_BYTES / 2 - 1;
    const info = vi.spyOn(repository.contents, 'contentInfo');
    info.mockImplementation((id) => ({ contentID: id, originalLength: length }) as never);
    const stack = [ids[0], ids[0], ids[0]];
    expect(takeDirectoryBatch(repository, stack, (id) => id)).toHaveLength(2);
    expect(takeDirectoryBatch(repository, stack, (id) => id)).toHaveLength(1);
    info.mockRestore();
  });

  it('takes one without an object, which then fails on its own', () => {
    const pending = { id: undefined };
    expect(takeDirectoryBatch(repository, [pending], ({ id }) => id)).toEqual([pending]);
  });
});
