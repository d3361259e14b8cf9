import { createSplitter } from '@longshore/chunker';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { seededBytes } from '../content/content-world.ts';
import type { ObjectWriterOptions } from '../repository-contract.ts';
import { objectReference, type ObjectID } from './object-id.ts';
import { objectChunks, openObject, readWholeObject } from './object-reader.ts';
import { MAX_WINDOW, StreamingObjectWriter, writeWholeObject } from './object-writer.ts';
import { createObjectWorld, markedSplitter, type ObjectWorld } from './object-world.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Pieces of random lengths that make up `data`, some by `write` and some by way of a window. */
async function writeInPieces(
  { environment }: ObjectWorld,
  data: Uint8Array,
  pieces: readonly { readonly length: number; readonly byWindow: boolean }[],
  options: ObjectWriterOptions,
): Promise<ObjectID> {
  await using writer = new StreamingObjectWriter(environment, options);
  let offset = 0;
  for (const { length, byWindow } of pieces) {
    const piece = data.subarray(offset, offset + length);
    if (byWindow && piece.length > 0) {
      const window = await writer.window(piece.length);
      window.set(piece);
      await writer.advance(piece.length);
    } else {
      await writer.write(piece);
    }
    offset += piece.length;
    expect(writer.length).toBe(offset);
  }
  await writer.write(data.subarray(offset));
  return await writer.result();
}

async function readBack({ environment }: ObjectWorld, id: ObjectID): Promise<Uint8Array> {
  const reader = await openObject(environment, id);
  return reader.read({ offset: 0, length: reader.length });
}

describe('an object', () => {
  it('is the same however it is written, and is read back', async () => {
    const pieces = fc.array(fc.record({ length: fc.nat({ max: 150 }), byWindow: fc.boolean() }), {
      maxLength: 12,
    });
    const lengths = fc.oneof(
      fc.nat({ max: 1_000 }),
      fc.constantFrom(0, 1, 9, 10, 11, 99, 100, 101, 199, 200, 201, 399, 400, 401, 800),
    );
    const splitters = fc.constantFrom(undefined, 'hundred', 'marked', 'no such splitter');
    const property = fc.asyncProperty(
      lengths,
      pieces,
      splitters,
      fc.nat(),
      async (length, slices, splitter, seed) => {
        const world = await createObjectWorld();
        const data = seededBytes(seed, length);
        const options = splitter === undefined ? {} : { splitter };
        const id = await writeInPieces(world, data, slices, options);
        expect(await writeWholeObject(world.environment, data, options)).toBe(id);
        expect(await readBack(world, id)).toEqual(data);
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  it.each(['FIXED-128K', 'DYNAMIC-128K-BUZHASH', 'DYNAMIC-128K-RABINKARP'] as const)(
    'is cut by %s where the splitter alone cuts',
    async (splitter) => {
      const world = await createObjectWorld();
      const data = seededBytes(7, 700_000);
      const cuts: number[] = [];
      const alone = createSplitter(splitter);
      for (let offset = 0; offset < data.length; offset += cuts.at(-1) ?? 0) {
        const cut = alone.nextSplitPoint(data.subarray(offset));
        cuts.push(cut === -1 ? data.length - offset : cut);
      }
      const slices = Array.from({ length: 30 }, (_, index) => ({
        length: 1 + 997 * index,
        byWindow: index % 2 === 0,
      }));
      const id = await writeInPieces(world, data, slices, { splitter });
      const chunks = await objectChunks(world.environment, id);
      expect(chunks.map(({ length }) => length)).toEqual(cuts);
      expect(await writeWholeObject(world.environment, data, { splitter })).toBe(id);
    },
  );

  it('of no bytes is one content of no bytes', async () => {
    const world = await createObjectWorld();
    await using writer = new StreamingObjectWriter(world.environment, {});
    const id = await writer.result();
    expect(world.contents.contentInfo(objectReference(id).contentID)?.originalLength).toBe(0);
    expect(await readBack(world, id)).toEqual(new Uint8Array());
  });

  it('of one chunk is that content, of several an index object over them', async () => {
    const world = await createObjectWorld();
    const one = await writeWholeObject(world.environment, seededBytes(1, 100), { prefix: 'k' });
    expect(one).toMatch(/^k[0-9a-f]{32}$/);
    const two = await writeWholeObject(world.environment, seededBytes(1, 401), {});
    expect(two).toMatch(/^I+x[0-9a-f]{32}$/);
    const directory = await writeWholeObject(world.environment, seededBytes(1, 401), {
      prefix: 'k',
    });
    expect(directory).toMatch(/^I+k[0-9a-f]{32}$/);
  });

  it('has as many levels of index objects as its size asks for', async () => {
    const world = await createObjectWorld({ chunkSize: 300 });
    const data = seededBytes(1, 20_000);
    const id = await writeWholeObject(world.environment, data, {});
    expect(objectReference(id).indirection).toBeGreaterThan(2);
    expect(await readBack(world, id)).toEqual(data);
  });

  it('is read by others once it is committed', async () => {
    const world = await createObjectWorld();
    const data = seededBytes(3, 5_000);
    const id = await writeWholeObject(world.environment, data, {});
    await world.contents.flush();
    expect(await readWholeObject(await world.openReader(), id, data.length)).toEqual(data);
  });
});

describe('compression', () => {
  const text = encodeUtf8('again and again. '.repeat(100));

  it('belongs to the contents in new repositories, and leaves object IDs as they are', async () => {
    const world = await createObjectWorld({ chunkSize: 1_000 });
    const plain = await writeWholeObject(world.environment, text, {});
    const fresh = await createObjectWorld({ chunkSize: 1_000 });
    const options = { compressor: 'gzip', metadataCompressor: 'gzip' } as const;
    const id = await writeWholeObject(fresh.environment, text, options);
    expect(id).toBe(plain);
    const [chunk] = await objectChunks(fresh.environment, id);
    const info = fresh.contents.contentInfo(objectReference(chunk!.objectID).contentID);
    expect(info?.compressionHeaderID).toBe(0x1000);
    expect(await readBack(fresh, id)).toEqual(text);
  });

  it('belongs to the objects in old repositories: file data only, and only where it gains', async () => {
    const world = await createObjectWorld({ version: 1, chunkSize: 1_000 });
    const id = await writeWholeObject(world.environment, text, {
      compressor: 'gzip',
      metadataCompressor: 'gzip',
    });
    expect(id).toMatch(/^Ix/);
    const chunks = await objectChunks(world.environment, id);
    expect(chunks.map(({ objectID }) => objectID.startsWith('Z'))).toEqual([true, true]);
    expect(chunks.map(({ start, length }) => [start, length])).toEqual([
      [0, 1000],
      [1000, 700],
    ]);
    const stored = await world.contents.getContent(objectReference(chunks[0]!.objectID).contentID);
    expect([...stored.subarray(0, 6)]).toEqual([0, 0, 0x10, 0, 0x1f, 0x8b]);
    expect(await readBack(world, id)).toEqual(text);

    const noise = await writeWholeObject(world.environment, seededBytes(1, 500), {
      compressor: 'gzip',
    });
    expect(noise).toMatch(/^[0-9a-f]{32}$/);
    const directory = await writeWholeObject(world.environment, text.subarray(0, 900), {
      prefix: 'k',
      compressor: 'gzip',
    });
    expect(directory).toMatch(/^k/);
    const single = await writeWholeObject(world.environment, text.subarray(0, 900), {
      compressor: 'gzip',
    });
    expect(single).toMatch(/^Z/);
    expect(await readBack(world, single)).toEqual(text.subarray(0, 900));
  });
});

describe('a checkpoint', () => {
  it('is the object of the chunks cut so far, and the writer goes on', async () => {
    const world = await createObjectWorld();
    const data = seededBytes(1, 450);
    const options = { splitter: 'hundred' };
    await using writer = new StreamingObjectWriter(world.environment, options);
    await writer.write(data.subarray(0, 99));
    expect(await writer.checkpoint()).toBeUndefined();
    await writer.write(data.subarray(99, 150));
    const first = await writer.checkpoint();
    expect(await readBack(world, first!)).toEqual(data.subarray(0, 100));
    await writer.write(data.subarray(150, 399));
    const second = await writer.checkpoint();
    expect(await readBack(world, second!)).toEqual(data.subarray(0, 300));
    await writer.write(data.subarray(399));
    const whole = await writer.result();
    expect(await readBack(world, whole)).toEqual(data);
    expect(await writeWholeObject(world.environment, data, options)).toBe(whole);
  });
});

describe('many writers at once', () => {
  it('all end, though each is open before the next and there are fewer slots', async () => {
    const world = await createObjectWorld({ slotCount: 3 });
    const objects = Array.from({ length: 20 }, (_, index) =>
      seededBytes(index, 1_000 + 37 * index),
    );
    const writers = objects.map(
      (_, index) =>
        new StreamingObjectWriter(world.environment, {
          splitter: index % 2 === 0 ? 'hundred' : 'marked',
        }),
    );
    for (let offset = 0; offset < 2_000; offset += 50) {
      for (const [index, writer] of writers.entries())
        await writer.write(objects[index]!.subarray(offset, offset + 50));
    }
    const ids: ObjectID[] = [];
    for (const writer of writers) ids.push(await writer.result());
    for (const [index, id] of ids.entries())
      expect(await readBack(world, id)).toEqual(objects[index]);
  });

  it('share slots with those who collect small objects in them', async () => {
    const world = await createObjectWorld({ slotCount: 3 });
    const { slots } = world.contents;
    const streams = Array.from({ length: 8 }, async (_, index) => {
      const data = seededBytes(index, 3_000);
      await using writer = new StreamingObjectWriter(world.environment, {});
      for (let offset = 0; offset < data.length; offset += 70) {
        await writer.write(data.subarray(offset, offset + 70));
        if (index % 2 === 0) await tick();
      }
      expect(await readBack(world, await writer.result())).toEqual(data);
    });
    const batches = Array.from({ length: 8 }, async (_, index) => {
      const slot = await slots.acquire();
      await tick();
      slot.bytes.set(seededBytes(100 + index, 90));
      await world.contents.writeContents([slot.bytes.subarray(0, 40), slot.bytes.subarray(40, 90)]);
      slot.release();
    });
    await Promise.all([...streams, ...batches]);
  });

  it('give everything back: afterwards all slots and all holds are free', async () => {
    const world = await createObjectWorld({ slotCount: 4 });
    const { slots } = world.contents;
    for (let round = 0; round < 3; round++) {
      const writers = Array.from(
        { length: 6 },
        () => new StreamingObjectWriter(world.environment, {}),
      );
      for (const [index, writer] of writers.entries()) await writer.write(seededBytes(index, 250));
      for (const [index, writer] of writers.entries()) {
        if (index % 2 === 0) await writer.result();
        await writer[Symbol.asyncDispose]();
        await writer[Symbol.asyncDispose]();
      }
    }
    const held = await Promise.all(Array.from({ length: 4 }, () => slots.acquire()));
    expect(held).toHaveLength(4);
    expect(
      [slots.tryHold(), slots.tryHold(), slots.tryHold()].map((hold) => hold !== undefined),
    ).toEqual([true, true, false]);
  });
});

describe('a writer', () => {
  it('takes chunks that are larger than any slot', async () => {
    const world = await createObjectWorld();
    const data = seededBytes(1, 3 * 1024 * 1024);
    expect(world.contents.slots.slotSize).toBeLessThan(2 * 1024 * 1024);
    await using writer = new StreamingObjectWriter(world.environment, { splitter: 'FIXED-2M' });
    await writer.write(data);
    const id = await writer.result();
    const chunks = await objectChunks(world.environment, id);
    expect(chunks.map(({ length }) => length)).toEqual([2 * 1024 * 1024, 1024 * 1024]);
    expect(await readBack(world, id)).toEqual(data);
  });

  it('offers windows of what is asked for, up to the limit, at any fill', async () => {
    const world = await createObjectWorld({ chunkSize: 3_000 });
    await using writer = new StreamingObjectWriter(world.environment, {});
    const data = seededBytes(1, 2_990);
    await writer.write(data);
    const window = await writer.window(MAX_WINDOW);
    expect(window.length).toBe(MAX_WINDOW);
    await expect(writer.window(MAX_WINDOW + 1)).rejects.toThrow('window');
    await expect(writer.window(0)).rejects.toThrow('window');
    expect(await readBack(world, await writer.result())).toEqual(data);
  });

  it('refuses an advance beyond its window', async () => {
    const world = await createObjectWorld();
    await using writer = new StreamingObjectWriter(world.environment, {});
    await expect(writer.advance(1)).rejects.toThrow('advance follows a window');
    const window = await writer.window(1);
    await expect(writer.advance(window.length * 2)).rejects.toThrow('advance follows a window');
  });

  it('fails for good with what one of its chunks failed with', async () => {
    const world = await createObjectWorld({ maxPackSize: 500 });
    const error = new Error('no space');
    world.world.storage.addFault({
      operation: 'put',
      idPrefix: 's',
      fault: { kind: 'error-before', error },
    });
    await using writer = new StreamingObjectWriter(world.environment, { splitter: 'hundred' });
    await writer.write(seededBytes(1, 100));
    await tick();
    await expect(writer.write(seededBytes(2, 100))).rejects.toBe(error);
    await expect(writer.checkpoint()).rejects.toBe(error);
    await expect(writer.result()).rejects.toBe(error);
  });

  it('stops with the reason of its signal, and gives its slots back', async () => {
    const world = await createObjectWorld({ slotCount: 1 });
    const controller = new AbortController();
    const slot = await world.contents.slots.acquire();
    const writer = new StreamingObjectWriter(world.environment, { signal: controller.signal });
    await writer.write(seededBytes(1, 50));
    controller.abort('enough');
    await expect(writer.write(seededBytes(1, 50))).rejects.toBe('enough');
    await expect(writer.result()).rejects.toBe('enough');
    await writer[Symbol.asyncDispose]();
    slot.release();
    (await world.contents.slots.acquire()).release();
  });

  it('that is closed while it waits for a slot does not keep it', async () => {
    const world = await createObjectWorld({ slotCount: 3 });
    const { slots } = world.contents;
    const taken = await Promise.all([slots.acquire(), slots.acquire(), slots.acquire()]);
    const writer = new StreamingObjectWriter(world.environment, {});
    const writing = writer.write(seededBytes(1, 10));
    await tick();
    await writer[Symbol.asyncDispose]();
    taken[0].release();
    await expect(writing).rejects.toMatchObject({ code: 'ABORTED' });
    (await slots.acquire()).release();
  });

  it('is not used after its end', async () => {
    const world = await createObjectWorld();
    const writer = new StreamingObjectWriter(world.environment, {});
    await writer.write(encodeUtf8('all of it'));
    const id = await writer.result();
    expect(decodeUtf8(await readBack(world, id), 'object')).toBe('all of it');
    await expect(writer.write(encodeUtf8('more'))).rejects.toThrow('after its end');
    await expect(writer.result()).rejects.toThrow('after its end');
  });
});

it('the marked splitter of these tests cuts between its bounds', () => {
  const splitter = markedSplitter();
  const data = seededBytes(1, 10_000);
  let cuts = 0;
  for (let offset = 0; offset < data.length;) {
    const cut = splitter.nextSplitPoint(data.subarray(offset));
    if (cut === -1) break;
    expect(cut).toBeGreaterThanOrEqual(splitter.minSegmentSize);
    expect(cut).toBeLessThanOrEqual(splitter.maxSegmentSize);
    offset += cut;
    cuts++;
  }
  expect(cuts).toBeGreaterThan(50);
});
