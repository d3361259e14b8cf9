import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, encodeUtf8 } from '../bytes.ts';
import { parseContentID, type ContentID } from '../content/content-id.ts';
import { seededBytes } from '../content/content-world.ts';
import type { ObjectChunk } from '../repository-contract.ts';
import { concatenateObjects } from './concatenate.ts';
import { encodeIndexObject } from './indirect.ts';
import { makeObjectID, parseObjectID, type ObjectID } from './object-id.ts';
import {
  decodeDirectObject,
  objectChunks,
  openObject,
  readWholeObject,
  verifyObject,
  type ObjectReaderEnvironment,
} from './object-reader.ts';
import { writeWholeObject } from './object-writer.ts';
import { createObjectWorld, type ObjectWorld } from './object-world.ts';

const HUNDRED = { splitter: 'hundred' };
const corrupt = expect.objectContaining({ code: 'CORRUPT_DATA' });

async function worldWithObject(
  length: number,
): Promise<{ readonly world: ObjectWorld; readonly data: Uint8Array; readonly id: ObjectID }> {
  const world = await createObjectWorld();
  const data = seededBytes(1, length);
  return { world, data, id: await writeWholeObject(world.environment, data, HUNDRED) };
}

/** Stores a list of chunks as it is, however wrong, and gives the ID of the object that it would be. */
async function storeIndex(
  { contents }: ObjectWorld,
  chunks: readonly ObjectChunk[],
): Promise<ObjectID> {
  const id = await contents.writeContent(encodeIndexObject(chunks), { prefix: 'x' });
  return parseObjectID(`I${id}`);
}

async function storeContent({ contents }: ObjectWorld, data: Uint8Array): Promise<ObjectID> {
  return makeObjectID({
    indirection: 0,
    compressed: false,
    contentID: await contents.writeContent(data),
  });
}

const noChunks = (): never => {
  throw new Error('nothing is read');
};

/** Counts what is read, and lets a test hold it up. */
function watched(environment: ObjectReaderEnvironment): {
  readonly environment: ObjectReaderEnvironment;
  readonly reads: ContentID[];
  readonly signals: (AbortSignal | undefined)[];
} {
  const reads: ContentID[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const { contents } = environment;
  const proxy = Object.create(contents, {
    format: { get: () => contents.format },
    contentInfo: { value: (id: ContentID) => contents.contentInfo(id) },
    getContent: {
      value: (id: ContentID, options?: { readonly signal?: AbortSignal }) => {
        reads.push(id);
        signals.push(options?.signal);
        return contents.getContent(id, options);
      },
    },
  }) as ObjectReaderEnvironment['contents'];
  return { environment: { ...environment, contents: proxy }, reads, signals };
}

describe('reading', () => {
  it('gives any range, clipped to the end', async () => {
    const { world, data, id } = await worldWithObject(730);
    const reader = await openObject(world.environment, id);
    expect(reader.length).toBe(730);
    const positions = fc.oneof(
      fc.nat({ max: 800 }),
      fc.constantFrom(0, 99, 100, 101, 200, 729, 730, 731),
    );
    const property = fc.asyncProperty(positions, positions, async (offset, length) => {
      expect(await reader.read({ offset, length })).toEqual(data.slice(offset, offset + length));
      const pieces: Uint8Array[] = [];
      for await (const piece of reader.stream({ range: { offset, length } })) {
        expect(piece.length).toBeGreaterThan(0);
        pieces.push(piece);
      }
      expect(concatBytes(pieces)).toEqual(data.slice(offset, offset + length));
    });
    await fc.assert(property);
  });

  it.each([
    { offset: -1, length: 1 },
    { offset: 0, length: -1 },
    { offset: 0.5, length: 1 },
    { offset: 0, length: 2 ** 60 },
  ])('refuses $offset, $length', async (range) => {
    const { world, id } = await worldWithObject(10);
    const reader = await openObject(world.environment, id);
    await expect(reader.read(range)).rejects.toThrow(RangeError);
  });

  it('of small pieces in a row fetches each chunk once', async () => {
    const { world, data, id } = await worldWithObject(300);
    const { environment, reads } = watched(world.environment);
    const reader = await openObject(environment, id);
    reads.length = 0;
    const pieces: Uint8Array[] = [];
    for (let offset = 0; offset < 300; offset += 7)
      pieces.push(await reader.read({ offset, length: 7 }));
    expect(concatBytes(pieces)).toEqual(data);
    expect(reads).toHaveLength(3);
  });

  it('hands out pieces that the receiver may change', async () => {
    const { world, data, id } = await worldWithObject(100);
    const reader = await openObject(world.environment, id);
    (await reader.read({ offset: 0, length: 100 })).fill(0);
    for await (const piece of reader.stream()) piece.fill(0);
    expect(await reader.read({ offset: 0, length: 100 })).toEqual(data);
  });

  it('ahead is bounded, and ends when the receiver stops', async () => {
    const { world, id } = await worldWithObject(2_000);
    const { environment, reads, signals } = watched(world.environment);
    const reader = await openObject(environment, id);
    reads.length = 0;
    for await (const piece of reader.stream()) {
      expect(piece.length).toBe(100);
      break;
    }
    expect(reads.length).toBeLessThanOrEqual(4);
    expect(signals.at(-1)?.aborted).toBe(true);
  });

  it('does not go ahead when that is not wanted', async () => {
    const { world, data, id } = await worldWithObject(2_000);
    const { environment, reads } = watched(world.environment);
    const reader = await openObject(environment, id);
    reads.length = 0;
    const pieces: Uint8Array[] = [];
    for await (const piece of reader.stream({ readAhead: 0 })) {
      pieces.push(piece);
      expect(reads).toHaveLength(pieces.length);
    }
    expect(new Uint8Array(Buffer.concat(pieces))).toEqual(data);
  });

  it('that is aborted does not disturb another one of the same chunk', async () => {
    const { world, data, id } = await worldWithObject(150);
    const reader = await openObject(world.environment, id);
    const controller = new AbortController();
    const aborted = reader.read({ offset: 0, length: 150 }, { signal: controller.signal });
    const other = reader.read({ offset: 0, length: 150 });
    controller.abort('mine');
    await expect(aborted).rejects.toBe('mine');
    expect(await other).toEqual(data);
  });

  it('names the content that is missing', async () => {
    const { world } = await worldWithObject(10);
    const contentID = parseContentID('00112233445566778899aabbccddeeff');
    const id = makeObjectID({ indirection: 0, compressed: false, contentID });
    const missing = { code: 'CONTENT_NOT_FOUND', facts: { contentID, objectID: id } };
    await expect(openObject(world.environment, id)).rejects.toMatchObject(missing);
    const indirect = await storeIndex(world, [{ start: 0, length: 5, objectID: id }]);
    const found: ContentID[] = [];
    const verifying = (async () => {
      for await (const one of verifyObject(world.environment, indirect)) found.push(one);
    })();
    await expect(verifying).rejects.toMatchObject(missing);
    expect(found).toEqual([indirect.slice(1)]);
  });
});

describe('an index object that is not what it should be', () => {
  it('is found out when a chunk has another length', async () => {
    const { world } = await worldWithObject(10);
    const objectID = await storeContent(world, seededBytes(1, 50));
    for (const length of [49, 51]) {
      const id = await storeIndex(world, [
        { start: 0, length, objectID },
        { start: length, length: 50, objectID },
      ]);
      const reader = await openObject(world.environment, id);
      await expect(reader.read({ offset: 0, length: 10 })).rejects.toEqual(corrupt);
      const single = await openObject(
        world.environment,
        await storeIndex(world, [{ start: 0, length, objectID }]),
      );
      await expect(single.read({ offset: 0, length: 10 })).rejects.toEqual(corrupt);
    }
  });

  it('is found out when an object below it has another length', async () => {
    const { world, id } = await worldWithObject(250);
    const wrong = await storeIndex(world, [{ start: 0, length: 249, objectID: id }]);
    await expect(objectChunks(world.environment, wrong)).rejects.toEqual(corrupt);
    const right = await storeIndex(world, [{ start: 0, length: 250, objectID: id }]);
    expect(await objectChunks(world.environment, right)).toEqual(
      await objectChunks(world.environment, id),
    );
  });

  it('is not followed deeper than sixteen levels, whether nested or in the ID', async () => {
    const { world } = await worldWithObject(10);
    let id = await storeContent(world, seededBytes(1, 5));
    for (let depth = 0; depth < 17; depth++)
      id = await storeIndex(world, [{ start: 0, length: 5, objectID: id }]);
    await expect(openObject(world.environment, id)).rejects.toEqual(corrupt);
    const walk = async (): Promise<void> => {
      for await (const content of verifyObject(world.environment, id)) void content;
    };
    await expect(walk()).rejects.toEqual(corrupt);
    const deep = parseObjectID(`${'I'.repeat(17)}${id.slice(1)}`);
    await expect(openObject(world.environment, deep)).rejects.toMatchObject({
      message: expect.stringContaining('16 levels'),
    });
  });

  it('does not multiply without bound', async () => {
    const { world } = await worldWithObject(10);
    let objectID = await storeContent(world, new Uint8Array());
    for (let level = 0; level < 4; level++) {
      const chunk = { start: 0, length: 0, objectID };
      objectID = await storeIndex(
        world,
        Array.from({ length: 100 }, () => chunk),
      );
    }
    const message = expect.stringContaining('index object 4097');
    await expect(openObject(world.environment, objectID)).rejects.toMatchObject({ message });
    const walk = async (): Promise<void> => {
      for await (const content of verifyObject(world.environment, objectID)) void content;
    };
    await expect(walk()).rejects.toMatchObject({ code: 'CORRUPT_DATA', message });
  });

  it('may not list an object that is deeper than itself', async () => {
    const { world, id } = await worldWithObject(250);
    const deeper = parseObjectID(`I${id}`);
    const wrong = await storeIndex(world, [{ start: 0, length: 250, objectID: deeper }]);
    await expect(openObject(world.environment, wrong)).rejects.toEqual(corrupt);
  });

  it.each([
    'no JSON at all',
    '{"entries":[]}',
    '{"stream":"kopia:indirect","entries":[{"l":5,"o":"Zzz"}]}',
  ])('is damage: %s', async (text) => {
    const { world } = await worldWithObject(10);
    const id = await world.contents.writeContent(encodeUtf8(text), { prefix: 'x' });
    await expect(openObject(world.environment, parseObjectID(`I${id}`))).rejects.toEqual(corrupt);
  });

  it('longer than a reader takes is damage', async () => {
    const { world, id } = await worldWithObject(250);
    await expect(readWholeObject(world.environment, id, 249)).rejects.toEqual(corrupt);
    expect(await readWholeObject(world.environment, id, 250)).toHaveLength(250);
  });
});

describe('an object of old repositories', () => {
  it('that is compressed is bounded by the length that its index object says', async () => {
    const world = await createObjectWorld({ version: 1, chunkSize: 1_000 });
    const text = encodeUtf8('more and more '.repeat(50));
    const id = await writeWholeObject(world.environment, text, { compressor: 'gzip' });
    const content = await world.contents.getContent(parseContentID(id.slice(1)));
    const { compressors } = world.environment;
    expect(decodeDirectObject(compressors, id, content, text.length)).toEqual(text);
    expect(() => decodeDirectObject(compressors, id, content, text.length - 1)).toThrow(corrupt);
    expect(() => decodeDirectObject(compressors, id, content, text.length + 1)).toThrow(corrupt);
    expect(() => decodeDirectObject(compressors, id, content.subarray(0, 3), undefined)).toThrow(
      corrupt,
    );
  });
});

describe('concatenation', () => {
  it('is the bytes of its parts in order, with one flat list of chunks', async () => {
    const parts = fc.array(fc.constantFrom(0, 1, 50, 100, 101, 250), {
      minLength: 2,
      maxLength: 5,
    });
    const property = fc.asyncProperty(parts, async (lengths) => {
      const world = await createObjectWorld();
      const data = lengths.map((length, index) => seededBytes(index, length));
      const ids: ObjectID[] = [];
      for (const part of data) ids.push(await writeWholeObject(world.environment, part, HUNDRED));
      const chunksOf = (id: ObjectID): Promise<readonly ObjectChunk[]> =>
        objectChunks(world.environment, id);
      const whole = await concatenateObjects(world.environment, ids, chunksOf, { prefix: 'k' });
      expect(whole).toMatch(/^I+x/);
      expect(await readWholeObject(world.environment, whole, 10_000)).toEqual(concatBytes(data));
      const chunks = await chunksOf(whole);
      expect(chunks).toHaveLength(
        lengths.reduce<number>((sum, length) => sum + Math.max(1, Math.ceil(length / 100)), 0),
      );
    });
    await fc.assert(property, { numRuns: 25 });
  });

  it('lists a part of no bytes as Kopia does', async () => {
    const world = await createObjectWorld();
    const ids = [encodeUtf8('hello\n'), encodeUtf8('hello.txt'), new Uint8Array()].map((data) =>
      storeContent(world, data),
    );
    const chunksOf = (id: ObjectID): Promise<readonly ObjectChunk[]> =>
      objectChunks(world.environment, id);
    const whole = await concatenateObjects(world.environment, await Promise.all(ids), chunksOf, {});
    const index = await world.contents.getContent(parseContentID(whole.slice(1)));
    const text = new TextDecoder().decode(index);
    expect(text).toMatch(
      /^\{"stream":"kopia:indirect","entries":\[\{"l":6,"o":"\w{32}"\},\{"s":6,"l":9,"o":"\w{32}"\},\{"s":15,"o":"\w{32}"\}\]\}\n$/,
    );
  });

  it('of one object is that object, of none is refused', async () => {
    const { world, id } = await worldWithObject(250);
    expect(await concatenateObjects(world.environment, [id], noChunks, {})).toBe(id);
    await expect(concatenateObjects(world.environment, [], noChunks, {})).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

describe('verifying', () => {
  it('names the contents of index objects before those of their chunks', async () => {
    const { world, id } = await worldWithObject(1_000);
    const found: ContentID[] = [];
    for await (const content of verifyObject(world.environment, id)) found.push(content);
    const written = [...world.contents.iterateContents()].map(({ contentID }) => contentID);
    expect(new Set(found)).toEqual(new Set(written));
    expect(found[0]).toMatch(/^x/);
  });
});
