import { describe, expect, it } from 'vitest';
import { decorateStorage } from '../blob/decorate-storage.ts';
import { parseBlobID, type BlobStorage } from '../blob/storage.ts';
import { concatBytes, encodeUtf8, equalBytes } from '../bytes.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';
import {
  createContentWorld,
  seededBytes,
  type ContentClient,
  type ContentWorld,
} from './content-world.ts';
import { encodeContentKey, type ContentID } from './content-id.ts';
import type { ContentPreparer } from './content-preparer.ts';
import type { SessionContents } from './session-contents.ts';

const TEXT = encodeUtf8('the same words over and over. '.repeat(200));
const MINUTE = 60n * NANOSECONDS_PER_SECOND;

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A storage whose puts of some blobs wait until the gate opens. */
function gated(idPrefix: string): {
  readonly around: (storage: BlobStorage) => BlobStorage;
  readonly open: () => void;
  readonly arrivals: string[];
} {
  const gate = Promise.withResolvers<void>();
  const arrivals: string[] = [];
  return {
    open: gate.resolve,
    arrivals,
    around: (storage) =>
      decorateStorage(storage, {
        async putBlob(id, data, options) {
          if (id.startsWith(idPrefix)) {
            arrivals.push(id);
            await gate.promise;
          }
          return storage.putBlob(id, data, options);
        },
      }),
  };
}

async function visibleIDs(world: ContentWorld): Promise<ContentID[]> {
  const { committed } = await world.openClient();
  return [...committed.iterateContents()].map(({ contentID }) => contentID);
}

async function expectStored(
  world: ContentWorld,
  contents: ReadonlyMap<ContentID, Uint8Array>,
): Promise<void> {
  const { committed } = await world.openClient();
  for (const [id, data] of contents)
    expect(equalBytes(await committed.getContent(id), data)).toBe(true);
}

async function openWriter(
  world: ContentWorld,
): Promise<{ readonly client: ContentClient; readonly writer: SessionContents }> {
  const client = await world.openClient();
  return { client, writer: client.newWriter() };
}

describe('asking for many contents at once', () => {
  /** Keys one after the other, as `areLive` takes them. */
  const keysOf = (...ids: readonly ContentID[]): Uint8Array =>
    concatBytes(ids.map(encodeContentKey));

  it.each([1, 2, 3] as const)(
    'finds what is there, committed or not, in format version %i',
    async (version) => {
      const world = await createContentWorld({ version });
      const { writer } = await openWriter(world);
      const ids = await writer.writeContents([TEXT, seededBytes(1, 50), seededBytes(2, 60)]);
      const keyLength = encodeContentKey(ids[0]!).length;
      expect(writer.areLive(keysOf(...ids), keyLength)).toBe(true);
      await writer.flush();
      const [pending] = await writer.writeContents([seededBytes(3, 70)], { prefix: 'k' });
      expect(writer.areLive(keysOf(...ids, pending!), keyLength)).toBe(true);
      expect(writer.areLive(keysOf(), keyLength)).toBe(true);
      const { writer: other } = await openWriter(world);
      expect(other.areLive(keysOf(...ids), keyLength)).toBe(true);
      expect(other.areLive(keysOf(...ids, pending!), keyLength)).toBe(false);
    },
  );

  it('takes for gone what is deleted, before and after that is committed, until it is written again', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const ids = await writer.writeContents([TEXT, seededBytes(1, 50)]);
    const keyLength = encodeContentKey(ids[0]!).length;
    const areLive = (of: SessionContents): boolean => of.areLive(keysOf(...ids), keyLength);
    await writer.flush();
    await writer.deleteContent(ids[1]!);
    expect(areLive(writer)).toBe(false);
    await writer.flush();
    expect(areLive(writer)).toBe(false);
    expect(areLive((await openWriter(world)).writer)).toBe(false);
    await writer.writeContent(seededBytes(1, 50));
    expect(areLive(writer)).toBe(true);
    await writer.flush();
    expect(areLive((await openWriter(world)).writer)).toBe(true);
  });

  it('finds nothing under keys of another length', async () => {
    const { writer } = await openWriter(await createContentWorld());
    const [id] = await writer.writeContents([TEXT]);
    const key = encodeContentKey(id!).subarray(0, 9);
    expect(writer.areLive(key, 9)).toBe(false);
    await writer.flush();
    expect(writer.areLive(key, 9)).toBe(false);
  });
});

describe('writing', () => {
  it('stores a content once, whether it comes again in the same call, at once or later', async () => {
    const world = await createContentWorld();
    const hashed: [number, boolean][] = [];
    const client = await world.openClient();
    const writer = client.newWriter({
      onHashed: (length, duplicate) => hashed.push([length, duplicate]),
    });
    const data = seededBytes(1, 500);
    const [first, second] = await writer.writeContents([data, data]);
    expect(second).toBe(first);
    const concurrent = await Promise.all([writer.writeContent(TEXT), writer.writeContent(TEXT)]);
    expect(concurrent[0]).toBe(concurrent[1]);
    await writer.writeContent(data);
    await writer.flush();
    await writer.writeContent(data);
    await writer.flush();
    expect(hashed.filter(([, duplicate]) => !duplicate)).toEqual([
      [500, false],
      [TEXT.length, false],
    ]);
    expect(await visibleIDs(world)).toHaveLength(2);
    expect(await world.blobIDs('p')).toHaveLength(1);
  });

  it('keeps contents with and without a prefix in packs of their own', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const data = seededBytes(1, 100);
    const ids = [await writer.writeContent(data), await writer.writeContent(data, { prefix: 'k' })];
    expect(ids[1]).toBe(`k${ids[0]}`);
    await writer.flush();
    expect(await world.blobIDs('p')).toHaveLength(1);
    expect(await world.blobIDs('q')).toHaveLength(1);
    await expectStored(world, new Map(ids.map((id) => [id, data])));
  });

  it('compresses what gets shorter by it, and says so in the index', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const random = seededBytes(1, 5000);
    const [text, noise] = [
      await writer.writeContent(TEXT, { compressor: 'gzip' }),
      await writer.writeContent(random, { compressor: 'gzip' }),
    ];
    const batch = [TEXT.subarray(1), random.subarray(1), TEXT.subarray(2)];
    const batchIDs = await writer.writeContents(batch, { compressor: 's2-default', prefix: 'k' });
    await writer.flush();
    expect(writer.contentInfo(text)).toMatchObject({
      compressionHeaderID: 0x1000,
      originalLength: TEXT.length,
    });
    expect(writer.contentInfo(noise)).toMatchObject({ compressionHeaderID: 0, packedLength: 5028 });
    await expectStored(
      world,
      new Map([
        [text, TEXT],
        [noise, random],
        ...batchIDs.map((id, index) => [id, batch[index]!] as const),
      ]),
    );
  });

  it('leaves prefixed contents uncompressed in the old format and refuses to compress others', async () => {
    const world = await createContentWorld({ version: 1 });
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT, { prefix: 'k', compressor: 'gzip' });
    await expect(writer.writeContent(TEXT, { compressor: 'gzip' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
    await writer.flush();
    expect(writer.contentInfo(id)).toMatchObject({
      compressionHeaderID: 0,
      packedLength: TEXT.length + 28,
    });
    await expectStored(world, new Map([[id, TEXT]]));
  });

  it('puts a copy of the format in front of each pack of the old format', async () => {
    const world = await createContentWorld({ version: 1 });
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT);
    await writer.flush();
    const { packBlobID, packOffset } = writer.contentInfo(id)!;
    expect(packOffset).toBe(1000 + 32);
    const pack = await world.memory.getBlob(packBlobID);
    expect(pack.subarray(0, 1000)).toEqual(new Uint8Array(1000).fill(3));
  });

  it('takes large and small contents from many callers at once, with few buffers', async () => {
    const world = await createContentWorld({ maxPackSize: 20_000 });
    const client = await world.openClient({ slotCount: 1 });
    const writer = client.newWriter({ parallelUploads: 1 });
    const written = new Map<ContentID, Uint8Array>();
    const callers = Array.from({ length: 12 }, async (_, caller) => {
      for (let round = 0; round < 6; round++) {
        const seed = caller * 100 + round;
        const size = [10, 3000, 16_384, 70_000][(caller + round) % 4]!;
        const batch = caller % 3 === 0 ? [1, 2, 3, 4, 5] : [1];
        const data = batch.map((part) =>
          seededBytes(seed * 10 + part, Math.ceil(size / batch.length)),
        );
        const ids = await writer.writeContents(data, {
          prefix: caller % 2 === 0 ? '' : 'k',
          compressor: caller % 4 === 0 ? 'gzip' : undefined,
        });
        ids.forEach((id, index) => written.set(id, data[index]!));
        if (caller === 5) await writer.flush();
      }
    });
    await Promise.all(callers);
    await writer.flush();
    await expectStored(world, written);
    expect(await world.blobIDs('s')).toEqual([]);
  });

  it('refuses what no index can say before anything is stored', async () => {
    const { writer } = await openWriter(await createContentWorld());
    const tooLong = { length: 2 ** 28 } as Uint8Array;
    await expect(writer.writeContent(tooLong)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('a commit', () => {
  it('stores the marker, then packs, then the index, and removes the marker last', async () => {
    const world = await createContentWorld({ maxPackSize: 4_000 });
    const log: string[] = [];
    const client = await world.openClient({
      around: (storage) =>
        decorateStorage(storage, {
          async putBlob(id, data, options) {
            const result = await storage.putBlob(id, data, options);
            log.push(`put ${id[0]}`);
            return result;
          },
          async deleteBlob(id, options) {
            log.push(`delete ${id[0]}`);
            await storage.deleteBlob(id, options);
          },
        }),
    });
    const writer = client.newWriter();
    for (let seed = 0; seed < 4; seed++) await writer.writeContent(seededBytes(seed, 3000));
    await writer.writeContent(TEXT, { prefix: 'k' });
    await writer.flush();
    expect(log).toEqual(['put s', 'put p', 'put p', 'put q', 'put x', 'delete s']);
    await writer.flush();
    expect(log).toHaveLength(6);
  });

  it('makes contents visible to others at once, and not before', async () => {
    const world = await createContentWorld();
    const reader = await world.openClient();
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT);
    await reader.committed.refresh();
    expect(reader.committed.contentInfo(id)).toBeUndefined();
    await expect(reader.committed.getContent(id)).rejects.toMatchObject({
      code: 'CONTENT_NOT_FOUND',
    });
    await writer.flush();
    expect(reader.committed.contentInfo(id)).toBeUndefined();
    await reader.committed.refresh();
    expect(await reader.committed.getContent(id)).toEqual(TEXT);
  });

  it('leaves contents that come while it runs to the next one', async () => {
    const world = await createContentWorld();
    const gate = gated('xn');
    const client = await world.openClient({ around: gate.around });
    const writer = client.newWriter();
    const before = await writer.writeContent(seededBytes(1, 100));
    const flushing = writer.flush();
    await tick();
    const during = await writer.writeContent(seededBytes(2, 100));
    expect(await writer.writeContent(seededBytes(1, 100))).toBe(before);
    expect(await writer.getContent(before)).toEqual(seededBytes(1, 100));
    expect(await writer.getContent(during)).toEqual(seededBytes(2, 100));
    expect([...writer.iterateContents()].map(({ contentID }) => contentID)).toEqual(
      [before, during].sort(),
    );
    gate.open();
    await flushing;
    expect(await visibleIDs(world)).toEqual([before]);
    await writer.flush();
    expect(await visibleIDs(world)).toEqual([before, during].sort());
  });

  it('waits for contents that are being stored, and takes them along', async () => {
    const world = await createContentWorld();
    const release = Promise.withResolvers<void>();
    const client = await world.openClient({
      aroundPreparer: (preparer) => ({
        ...preparer,
        async seal(...parameters) {
          await release.promise;
          return preparer.seal(...parameters);
        },
      }),
    });
    const writer = client.newWriter();
    const writing = writer.writeContent(TEXT);
    await tick();
    let flushed = false;
    const flushing = writer.flush().then(() => (flushed = true));
    await tick();
    expect(flushed).toBe(false);
    release.resolve();
    const id = await writing;
    await flushing;
    expect(await visibleIDs(world)).toEqual([id]);
  });

  it.each([4, 2])(
    'never waits for a pack that only a later commit would close (%i pack buffers)',
    async (packBuffers) => {
      const world = await createContentWorld({ maxPackSize: 8_000 });
      const release = Promise.withResolvers<void>();
      let seals = 0;
      const client = await world.openClient({
        aroundPreparer: (preparer) => ({
          ...preparer,
          async seal(...parameters) {
            if (++seals === 3) await release.promise;
            return preparer.seal(...parameters);
          },
        }),
      });
      const writer = client.newWriter({ parallelUploads: 1, packBuffers });
      await writer.writeContent(seededBytes(1, 7_900));
      await writer.writeContent(seededBytes(2, 100), { prefix: 'k' });
      // Compressed contents are sealed before they are given a place: this one needs a pack after the swap.
      const late = writer.writeContent(seededBytes(3, 20_000), { compressor: 'gzip' });
      await tick();
      const flushing = writer.flush();
      await tick();
      const next = writer.writeContent(seededBytes(4, 100));
      const last = writer.writeContent(seededBytes(5, 100), { prefix: 'k' });
      await tick();
      release.resolve();
      await Promise.all([next, last, late, flushing]);
      expect(await visibleIDs(world)).toHaveLength(3);
      await writer.flush();
      expect(await visibleIDs(world)).toHaveLength(5);
    },
  );

  it('counts the ten minutes anew for what waited for the commit before', async () => {
    const world = await createContentWorld();
    const release = Promise.withResolvers<void>();
    let hashes = 0;
    const client = await world.openClient({
      aroundPreparer: (preparer) => ({
        ...preparer,
        async hash(...parameters) {
          if (++hashes === 2) await release.promise;
          return preparer.hash(...parameters);
        },
      }),
    });
    const writer = client.newWriter();
    await writer.writeContent(seededBytes(1, 100));
    // Its change began before the commit, and ends up in the batch after it.
    const late = writer.writeContent(seededBytes(2, 100));
    await tick();
    await writer.flush();
    release.resolve();
    await late;
    world.time.advance(10n * MINUTE);
    await writer.writeContent(seededBytes(3, 100));
    expect(await visibleIDs(world)).toHaveLength(2);
  });

  it('of deletions alone stores no pack', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT);
    await writer.flush();
    const packs = await world.blobIDs('p');
    await writer.deleteContent(id);
    await writer.flush();
    expect(await world.blobIDs('p')).toEqual(packs);
    expect(await world.blobIDs('s')).toEqual([]);
    expect(await visibleIDs(world)).toEqual([]);
  });

  it('happens by itself before the first content ten minutes after the last', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const first = await writer.writeContent(seededBytes(1, 100));
    world.time.advance(9n * MINUTE);
    const second = await writer.writeContent(seededBytes(2, 100));
    expect(await visibleIDs(world)).toEqual([]);
    world.time.advance(MINUTE);
    const third = await Promise.all(
      [3, 4, 5].map((seed) => writer.writeContent(seededBytes(seed, 100))),
    );
    expect(await visibleIDs(world)).toEqual([first, second].sort());
    expect(await world.blobIDs('xn')).toHaveLength(1);
    await writer.flush();
    expect(await visibleIDs(world)).toEqual([first, second, ...third].sort());
  });

  it('counts the ten minutes from the first change that waits', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    await writer.writeContent(seededBytes(1, 100));
    await writer.flush();
    world.time.advance(14n * MINUTE);
    await writer.writeContent(seededBytes(2, 100));
    await writer.writeContent(seededBytes(3, 100));
    expect(await world.blobIDs('xn')).toHaveLength(1);
  });

  it('is refused to a session that slept for so long that its packs may be gone', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    await writer.writeContent(seededBytes(1, 100));
    world.time.advance(96n * 60n * MINUTE);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await world.blobIDs('xn')).toEqual([]);
  });

  it.each([
    ['is taken back if a pack is gone by then', true],
    ['stands if all its packs are there, since others may rely on it', false],
  ])('that slept while its index was on the way %s', async (_, collected) => {
    const world = await createContentWorld();
    let slept = false;
    const around = (inner: BlobStorage): BlobStorage =>
      decorateStorage(inner, {
        putBlob: async (blobID, bytes, options) => {
          await inner.putBlob(blobID, bytes, options);
          if (!blobID.startsWith('xn') || slept) return;
          slept = true;
          world.time.advance(97n * 60n * MINUTE);
          const [pack] = await world.blobIDs('p');
          if (collected) await world.memory.deleteBlob(parseBlobID(pack!));
        },
      });
    const client = await world.openClient({ around });
    const writer = client.newWriter();
    const data = seededBytes(1, 100);
    const id = await writer.writeContent(data);
    if (!collected) {
      await writer.flush();
      await expectStored(world, new Map([[id, data]]));
      return;
    }
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ABORTED' });
    expect(client.committed.contentInfo(id)).toBeUndefined();
    expect(await world.blobIDs('xn')).toEqual([]);
  });

  it('under a clock before the deletion watermark stores what can be read', async () => {
    const world = await createContentWorld();
    const { writer, client } = await openWriter(world);
    const data = seededBytes(1, 100);
    const id = await writer.writeContent(data);
    await writer.flush();
    await writer.deleteContent(id);
    await writer.flush();
    const watermark = client.committed.contentInfo(id)!.timestampSeconds + 10;
    await world.storage.putBlob(parseBlobID(`xw${watermark}`), encodeUtf8('deletion-watermark'));
    await writer.refresh();
    expect(writer.contentInfo(id)).toBeUndefined();
    world.time.advance(-2n * 24n * 60n * MINUTE);
    await writer.writeContent(data);
    await writer.flush();
    await expectStored(world, new Map([[id, data]]));
  });

  it('that happens by itself goes on when the caller who met it is aborted', async () => {
    const world = await createContentWorld();
    const gate = gated('xn');
    const client = await world.openClient({ around: gate.around });
    const writer = client.newWriter();
    const first = await writer.writeContent(seededBytes(1, 100));
    world.time.advance(11n * MINUTE);
    const controller = new AbortController();
    const aborted = writer.writeContent(seededBytes(2, 100), { signal: controller.signal });
    await tick();
    expect(gate.arrivals).toHaveLength(1);
    controller.abort('mine');
    gate.open();
    await expect(aborted).rejects.toBe('mine');
    expect(await visibleIDs(world)).toEqual([first]);
    await writer.writeContent(seededBytes(3, 100));
    await writer.flush();
    expect(await visibleIDs(world)).toHaveLength(2);
  });

  it('gives back what a batch took of which nothing was stored', async () => {
    const world = await createContentWorld();
    let gate = Promise.withResolvers<void>();
    let fails = true;
    const client = await world.openClient({
      aroundPreparer: (preparer: ContentPreparer) => ({
        ...preparer,
        async seal(...parameters) {
          if (!fails) return preparer.seal(...parameters);
          await gate.promise;
          throw new Error('no memory');
        },
      }),
    });
    const writer = client.newWriter();
    for (let round = 0; round < 6; round++) {
      gate = Promise.withResolvers<void>();
      const writing = writer.writeContent(seededBytes(1, 10)).catch((error: unknown) => error);
      await tick();
      const flushing = writer.flush();
      await tick();
      gate.resolve();
      expect(await writing).toMatchObject({ message: 'no memory' });
      await flushing;
    }
    fails = false;
    const id = await writer.writeContent(TEXT);
    await writer.flush();
    expect(await visibleIDs(world)).toEqual([id]);
    expect(await world.blobIDs('s')).toEqual([]);
  });
});

describe('when storing fails', () => {
  it.each(['p', 'q', 'xn'])(
    'at a blob %s, the commit rejects, nothing counts and the writer is done',
    async (idPrefix) => {
      const world = await createContentWorld();
      const { writer } = await openWriter(world);
      const error = new Error('storage is full');
      world.storage.addFault({
        operation: 'put',
        idPrefix,
        fault: { kind: 'error-before', error },
      });
      const id = await writer.writeContent(TEXT);
      await writer.writeContent(TEXT, { prefix: 'k' });
      await expect(writer.flush()).rejects.toBe(error);
      expect(world.storage.pendingFaults()).toEqual([]);
      await expect(writer.writeContent(TEXT)).rejects.toBe(error);
      await expect(writer.deleteContent(id)).rejects.toBe(error);
      await expect(writer.flush()).rejects.toBe(error);
      expect(await visibleIDs(world)).toEqual([]);
      await writer[Symbol.asyncDispose]();
      expect(await world.blobIDs('s')).toEqual([]);
      const { writer: next } = await openWriter(world);
      await next.writeContent(TEXT);
      await next.flush();
      expect(await visibleIDs(world)).toEqual([id]);
    },
  );

  it('at the marker, the content is not taken and the next one tries again', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    world.storage.addFault({ operation: 'put', idPrefix: 's', fault: { kind: 'error-before' } });
    await expect(writer.writeContent(TEXT)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(await world.blobIDs()).toEqual([]);
    const id = await writer.writeContent(TEXT);
    await writer.flush();
    expect(await visibleIDs(world)).toEqual([id]);
  });

  it('at the removal of the marker, the commit counts all the same', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    world.storage.addFault({ operation: 'delete', idPrefix: 's', fault: { kind: 'error-before' } });
    const id = await writer.writeContent(TEXT);
    await writer.flush();
    expect(await visibleIDs(world)).toEqual([id]);
    expect(await world.blobIDs('s')).toHaveLength(1);
  });

  it('what was deduplicated against the failed commit is not committed either', async () => {
    const world = await createContentWorld();
    const gate = gated('xn');
    const client = await world.openClient({ around: gate.around });
    const writer = client.newWriter();
    await writer.writeContent(TEXT);
    world.storage.addFault({ operation: 'put', idPrefix: 'xn', fault: { kind: 'error-before' } });
    const flushing = writer.flush();
    await tick();
    await writer.writeContents([TEXT, seededBytes(1, 100)]);
    const next = writer.flush();
    gate.open();
    await expect(flushing).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await expect(next).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(await visibleIDs(world)).toEqual([]);
  });

  it('an upload that failed early is found at the next commit', async () => {
    const world = await createContentWorld({ maxPackSize: 1_000 });
    const { writer } = await openWriter(world);
    world.storage.addFault({ operation: 'put', idPrefix: 'p', fault: { kind: 'error-before' } });
    const id = await writer.writeContent(seededBytes(1, 1_000));
    await tick();
    await expect(writer.getContent(id)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await expect(writer.writeContent(TEXT)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await expect(writer.flush()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(await visibleIDs(world)).toEqual([]);
  });
});

describe('a call that fails', () => {
  async function worldWithFailingSeals(): Promise<{
    readonly world: ContentWorld;
    readonly writer: SessionContents;
    readonly failNext: () => void;
    readonly hold: PromiseWithResolvers<void>;
  }> {
    const world = await createContentWorld();
    const hold = Promise.withResolvers<void>();
    let failing = 0;
    const client = await world.openClient({
      aroundPreparer: (preparer) => ({
        ...preparer,
        async seal(batch, target, options) {
          if (failing > 0) {
            failing--;
            await hold.promise;
            throw new Error('sealing failed');
          }
          return preparer.seal(batch, target, options);
        },
      }),
    });
    return { world, writer: client.newWriter(), hold, failNext: () => failing++ };
  }

  it('leaves the content to those who wait for it', async () => {
    const { world, writer, hold, failNext } = await worldWithFailingSeals();
    failNext();
    const failing = writer.writeContent(TEXT);
    await tick();
    const waiting = [writer.writeContent(TEXT), writer.writeContents([TEXT, seededBytes(1, 10)])];
    await tick();
    hold.resolve();
    await expect(failing).rejects.toThrow('sealing failed');
    const [id] = await Promise.all(waiting);
    await writer.flush();
    await expectStored(world, new Map([[id as ContentID, TEXT]]));
    expect(await visibleIDs(world)).toHaveLength(2);
  });

  it('keeps those of its contents that were stored, whole', async () => {
    const { world, writer, hold, failNext } = await worldWithFailingSeals();
    hold.resolve();
    const large = [1, 2, 3].map((seed) => seededBytes(seed, 16_000));
    await writer.writeContent(large[0]!);
    failNext();
    await expect(writer.writeContents(large)).rejects.toThrow('sealing failed');
    const ids = await writer.writeContents(large);
    await writer.flush();
    await expectStored(world, new Map(ids.map((id, index) => [id, large[index]!])));
  });

  it('by its abort at any moment leaves the writer whole', async () => {
    for (let ticks = 0; ticks < 25; ticks++) {
      const world = await createContentWorld({ maxPackSize: 6_000, seed: ticks });
      const client = await world.openClient();
      const writer = client.newWriter();
      const controller = new AbortController();
      const writes = [1, 2, 3, 4, 5, 6].map((seed) =>
        writer
          .writeContents([seededBytes(seed, 5_000), seededBytes(100, 200)], {
            compressor: seed % 2 === 0 ? 'gzip' : undefined,
            signal: controller.signal,
          })
          .then(
            () => 'stored',
            (error: unknown) => error,
          ),
      );
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      controller.abort('enough');
      for (const outcome of await Promise.all(writes))
        expect(['stored', 'enough']).toContain(outcome);
      const written = new Map<ContentID, Uint8Array>();
      for (const seed of [1, 2, 3, 4, 5, 6, 100]) {
        const data = seededBytes(seed, seed === 100 ? 200 : 5_000);
        written.set(await writer.writeContent(data), data);
      }
      await writer.flush();
      await expectStored(world, written);
      expect(await visibleIDs(world)).toHaveLength(7);
      expect(await world.blobIDs('s')).toEqual([]);
    }
  });

  it('refuses to begin after the abort of the writer', async () => {
    const world = await createContentWorld();
    const controller = new AbortController();
    const client = await world.openClient();
    const writer = client.newWriter({ signal: controller.signal });
    await writer.writeContent(TEXT);
    controller.abort('over');
    await expect(writer.writeContent(TEXT)).rejects.toBe('over');
    await expect(writer.flush()).rejects.toBe('over');
    await writer[Symbol.asyncDispose]();
    expect(await world.blobIDs()).toEqual([]);
  });
});

describe('deleting, undeleting and rewriting', () => {
  it('stamp each entry later than the one before, even within a second', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT);
    const start = writer.contentInfo(id)!;
    await writer.deleteContent(id);
    expect(writer.contentInfo(id)).toEqual({
      ...start,
      deleted: true,
      timestampSeconds: start.timestampSeconds + 1,
    });
    await writer.flush();
    await writer.rewriteContent(id);
    const rewritten = writer.contentInfo(id)!;
    expect(rewritten).toMatchObject({
      deleted: true,
      timestampSeconds: start.timestampSeconds + 2,
    });
    await writer.undeleteContent(id);
    expect(writer.contentInfo(id)).toMatchObject({
      deleted: false,
      timestampSeconds: start.timestampSeconds + 3,
    });
    await writer.deleteContent(id);
    await writer.writeContent(TEXT);
    expect(writer.contentInfo(id)).toMatchObject({
      deleted: false,
      timestampSeconds: start.timestampSeconds + 5,
    });
    await writer.flush();
    const { packBlobID } = writer.contentInfo(id)!;
    expect(packBlobID).not.toBe(start.packBlobID);
    await expectStored(world, new Map([[id, TEXT]]));
    world.time.advance(MINUTE);
    await writer.deleteContent(id);
    expect(writer.contentInfo(id)!.timestampSeconds).toBe(start.timestampSeconds + 60);
  });

  it('leave a live content alone when it is undeleted', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT);
    const before = writer.contentInfo(id);
    await writer.undeleteContent(id);
    expect(writer.contentInfo(id)).toEqual(before);
  });

  it('fail for a content that is not there', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT);
    await writer.deleteContent(id);
    const missing = `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}` as ContentID;
    const notFound = { code: 'CONTENT_NOT_FOUND', facts: { contentID: missing } };
    await expect(writer.deleteContent(id)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    await expect(writer.deleteContent(missing)).rejects.toMatchObject(notFound);
    await expect(writer.undeleteContent(missing)).rejects.toMatchObject(notFound);
    await expect(writer.rewriteContent(missing)).rejects.toMatchObject(notFound);
    await writer.deleteContents([id, missing]);
  });

  it('keep a deleted content readable, and out of listings unless asked for', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT);
    await writer.deleteContent(id);
    await writer.flush();
    expect(await writer.getContent(id)).toEqual(TEXT);
    expect([...writer.iterateContents()]).toEqual([]);
    expect([...writer.iterateContents({ includeDeleted: true })]).toEqual([writer.contentInfo(id)]);
  });

  it('keep the compression of a content that is rewritten', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT, { compressor: 'deflate-default' });
    const { compressionHeaderID, packBlobID } = writer.contentInfo(id)!;
    expect(compressionHeaderID).toBe(0x1500);
    await writer.flush();
    await writer.rewriteContent(id);
    await writer.flush();
    expect(writer.contentInfo(id)).toMatchObject({ compressionHeaderID, deleted: false });
    expect(writer.contentInfo(id)!.packBlobID).not.toBe(packBlobID);
    await expectStored(world, new Map([[id, TEXT]]));
  });

  it('do not bring back what was deleted while it was rewritten', async () => {
    const world = await createContentWorld();
    const release = Promise.withResolvers<void>();
    let holding = false;
    const client = await world.openClient({
      aroundPreparer: (preparer) => ({
        ...preparer,
        async seal(...parameters) {
          if (holding) await release.promise;
          return preparer.seal(...parameters);
        },
      }),
    });
    const writer = client.newWriter();
    const id = await writer.writeContent(TEXT);
    await writer.flush();
    holding = true;
    const rewriting = writer.rewriteContent(id);
    await tick();
    await writer.deleteContent(id);
    release.resolve();
    await rewriting;
    await writer.flush();
    expect(await visibleIDs(world)).toEqual([]);
  });

  it('leave a deleted content as old as its mark when it is rewritten, or it would never be dropped', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const id = await writer.writeContent(TEXT);
    await writer.flush();
    await writer.deleteContent(id);
    await writer.flush();
    const marked = writer.contentInfo(id)!;
    world.time.advance(1440n * MINUTE);
    await writer.rewriteContent(id);
    await writer.flush();
    const rewritten = writer.contentInfo(id)!;
    expect(rewritten.packBlobID).not.toBe(marked.packBlobID);
    expect(rewritten).toMatchObject({
      deleted: true,
      timestampSeconds: marked.timestampSeconds + 1,
    });
  });

  it('of many contents at once count in one commit, whatever else commits meanwhile', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const ids = await writer.writeContents([1, 2, 3, 4].map((seed) => seededBytes(seed, 10)));
    await writer.flush();
    await writer.writeContent(TEXT);
    const before = (await world.blobIDs('xn')).length;
    world.time.advance(11n * MINUTE);
    const deleting = writer.deleteContents(ids);
    const [flush] = await Promise.all([
      writer.flush(),
      deleting,
      writer.writeContent(seededBytes(9, 10)),
    ]);
    expect(flush).toBeUndefined();
    const left = new Set(await visibleIDs(world));
    const remaining = ids.filter((id) => left.has(id)).length;
    expect([0, 4]).toContain(remaining);
    await writer.flush();
    const end = new Set(await visibleIDs(world));
    expect(ids.filter((id) => end.has(id))).toEqual([]);
    expect((await world.blobIDs('xn')).length).toBeGreaterThan(before);
  });
});

describe('reading what is not committed', () => {
  it('finds it in open packs, in packs on their way, and in stored ones', async () => {
    const world = await createContentWorld({ maxPackSize: 5_000 });
    const gate = gated('p');
    const client = await world.openClient({ around: gate.around });
    const writer = client.newWriter();
    const contents = new Map<ContentID, Uint8Array>();
    for (let seed = 0; seed < 5; seed++) {
      const data = seededBytes(seed, 2_000);
      contents.set(await writer.writeContent(data), data);
    }
    await tick();
    expect(gate.arrivals).toHaveLength(1);
    const expectReadable = async (): Promise<void> => {
      for (const [id, data] of contents) expect(await writer.getContent(id)).toEqual(data);
      const seen = new Map<ContentID, Uint8Array>();
      await writer.readContents(contents.keys(), (id, data) => void seen.set(id, data));
      expect(seen).toEqual(contents);
    };
    await expectReadable();
    gate.open();
    await tick();
    expect(await world.blobIDs('p')).toHaveLength(1);
    await expectReadable();
    await writer.flush();
    await expectReadable();
  });

  it('gives the right bytes while packs leave memory and their buffers are used again', async () => {
    const world = await createContentWorld({ maxPackSize: 3_000 });
    const client = await world.openClient();
    const writer = client.newWriter();
    await Promise.all(
      Array.from({ length: 60 }, async (_, seed) => {
        const data = seededBytes(seed, 900);
        const id = await writer.writeContent(data);
        for (let i = 0; i < seed % 7; i++) await Promise.resolve();
        expect(equalBytes(await writer.getContent(id), data)).toBe(true);
      }),
    );
  });

  it('merges own and committed contents in order, by prefix', async () => {
    const world = await createContentWorld();
    const other = await openWriter(world);
    const committedIDs = await other.writer.writeContents(
      [1, 2, 3].map((seed) => seededBytes(seed, 10)),
      { prefix: 'k' },
    );
    await other.writer.flush();
    const { writer } = await openWriter(world);
    const ownIDs = await writer.writeContents(
      [4, 5, 6].map((seed) => seededBytes(seed, 10)),
      { prefix: 'k' },
    );
    await writer.writeContent(TEXT);
    await writer.deleteContent(committedIDs[1]!);
    const listed = [...writer.iterateContents({ prefix: 'k' })].map(({ contentID }) => contentID);
    expect(listed).toEqual([committedIDs[0]!, committedIDs[2]!, ...ownIDs].sort());
    const withDeleted = [...writer.iterateContents({ prefix: 'k', includeDeleted: true })];
    expect(withDeleted.map(({ contentID }) => contentID)).toEqual(
      [...committedIDs, ...ownIDs].sort(),
    );
  });
});

describe('closing a writer', () => {
  it('gives up what was not committed, removes the marker, and may be done twice', async () => {
    const world = await createContentWorld({ maxPackSize: 1_000 });
    const { writer } = await openWriter(world);
    await writer.writeContent(seededBytes(1, 2_000));
    await writer.writeContent(seededBytes(2, 10));
    await Promise.all([writer[Symbol.asyncDispose](), writer[Symbol.asyncDispose]()]);
    expect(await visibleIDs(world)).toEqual([]);
    expect(await world.blobIDs('s')).toEqual([]);
    await expect(writer.writeContent(TEXT)).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('waits for writes that are under way, which store nothing more', async () => {
    const world = await createContentWorld();
    const { writer } = await openWriter(world);
    const writing = [1, 2, 3].map((seed) =>
      writer.writeContent(seededBytes(seed, 3_000)).catch((error: unknown) => error),
    );
    await Promise.resolve();
    await writer[Symbol.asyncDispose]();
    const blobs = await world.blobIDs();
    await Promise.all(writing);
    await tick();
    expect(await world.blobIDs()).toEqual(blobs);
    expect(await world.blobIDs('s')).toEqual([]);
    expect(await visibleIDs(world)).toEqual([]);
  });

  it('lets a commit that is under way end', async () => {
    const world = await createContentWorld();
    const gate = gated('xn');
    const client = await world.openClient({ around: gate.around });
    const writer = client.newWriter();
    const id = await writer.writeContent(TEXT);
    const flushing = writer.flush();
    await tick();
    const closing = writer[Symbol.asyncDispose]();
    gate.open();
    await flushing;
    await closing;
    expect(await visibleIDs(world)).toEqual([id]);
  });
});

it('names the pack that is missing from the storage', async () => {
  const world = await createContentWorld();
  const { writer } = await openWriter(world);
  const id = await writer.writeContent(TEXT);
  await writer.flush();
  const { packBlobID } = writer.contentInfo(id)!;
  await world.memory.deleteBlob(parseBlobID(packBlobID));
  const { committed } = await world.openClient();
  await expect(committed.getContent(id)).rejects.toMatchObject({
    code: 'CORRUPT_DATA',
    facts: { contentID: id, blobID: packBlobID },
  });
});
