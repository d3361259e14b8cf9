import { describe, expect, it } from 'vitest';
import { parseBlobID, type BlobStorage, type ByteRange } from '../blob/storage.ts';
import { decorateStorage } from '../blob/decorate-storage.ts';
import {
  createContentWorld,
  seededBytes,
  seededRandomSource,
  type ContentWorld,
} from './content-world.ts';
import type { ContentInfo } from './content-info.ts';
import { ContentKeyEncoder } from './index/content-key.ts';
import { openPackIndex } from './index/pack-index.ts';
import { parsePostamble } from './pack-layout.ts';
import { PackBuffers, PackWriter, type PackKind } from './pack-writer.ts';
import { makeContentID } from './content-id.ts';

const CAPACITY = 128 * 1024;

function packWriter(
  world: ContentWorld,
  overrides: {
    readonly storage?: BlobStorage;
    readonly buffers?: PackBuffers;
    readonly signal?: AbortSignal;
  } = {},
): PackWriter {
  return new PackWriter({
    storage: world.storage,
    kernel: world.kernel,
    format: () => world.format,
    packReplica: new Uint8Array(),
    buffers: packBuffers(),
    random: seededRandomSource(5),
    sessionID: 's0123456789abcdef147',
    takeDeletions: () => [],
    ...overrides,
  });
}

function packBuffers(parallelUploads = 1): PackBuffers {
  const createBuffer = (length: number): Uint8Array => new Uint8Array(length);
  return new PackBuffers({ parallelUploads, capacity: CAPACITY, createBuffer });
}

/** Puts bytes that count as one content of this length into a pack. */
async function put(
  packs: PackWriter,
  seed: number,
  length: number,
  kind: PackKind = 'p',
): Promise<ContentInfo> {
  const region = await packs.reserve(kind, length);
  region.bytes.set(seededBytes(seed, length));
  const info: ContentInfo = {
    contentID: makeContentID(kind === 'p' ? '' : 'k', seededBytes(seed, 16)),
    packBlobID: region.packBlobID,
    packOffset: region.packOffset,
    packedLength: length,
    originalLength: length,
    timestampSeconds: 1_700_000_000,
    deleted: false,
    formatVersion: 3,
    compressionHeaderID: 0,
    encryptionKeyID: 0,
  };
  region.commit([info]);
  return info;
}

function range({ packOffset, packedLength }: ContentInfo): { range: ByteRange } {
  return { range: { offset: packOffset, length: packedLength } };
}

/** A put that ends by its signal only. */
function hangingPut(onStop: (reason: unknown) => void = () => undefined): BlobStorage['putBlob'] {
  return (_id, _data, { signal } = {}) =>
    new Promise((_resolve, reject) => {
      const stop = (): void => {
        onStop(signal?.reason);
        setImmediate(() => reject(signal?.reason));
      };
      if (signal?.aborted) stop();
      else signal?.addEventListener('abort', stop);
    });
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a pack', () => {
  it.each([0, 10])(
    'holds its contents and a recovery index that says where (error correction %i %%)',
    async (ecc) => {
      const world = await createContentWorld(ecc === 0 ? {} : { eccOverheadPercent: ecc });
      const packs = packWriter(world);
      const infos = [await put(packs, 1, 1000), await put(packs, 2, 0), await put(packs, 3, 4096)];
      await packs.finish();
      const [id] = await world.blobIDs('p');
      expect(id).toMatch(/^p[0-9a-f]{32}-s0123456789abcdef147$/);
      const bytes = await world.memory.getBlob(parseBlobID(id!));
      for (const [index, info] of infos.entries()) {
        const stored = bytes.subarray(info.packOffset, info.packOffset + info.packedLength);
        expect(stored).toEqual(seededBytes(index + 1, info.packedLength));
      }
      const postamble = parsePostamble(bytes)!;
      expect(postamble.localIndexOffset % 4096).toBe(0);
      const { localIndexOffset, localIndexLength, iv } = postamble;
      const sealed = bytes.subarray(localIndexOffset, localIndexOffset + localIndexLength);
      const local = world.sealer.openUnderWholeHash(iv, sealed, 'recovery index');
      const index = openPackIndex(local.subarray(0, local.length - 32), 'recovery index', {
        v1Overhead: 28,
      });
      const keys = new ContentKeyEncoder();
      for (const info of infos) expect(index.find(keys.encode(info.contentID))).toEqual(info);
    },
  );

  it('leaves when its contents reach the pack size, and not before', async () => {
    const world = await createContentWorld({ maxPackSize: 10_000 });
    const packs = packWriter(world);
    await put(packs, 1, 9_000);
    await tick();
    expect(await world.blobIDs('p')).toEqual([]);
    await put(packs, 2, 1_000);
    await tick();
    expect(await world.blobIDs('p')).toHaveLength(1);
    await put(packs, 3, 10);
    await packs.finish();
    expect(await world.blobIDs('p')).toHaveLength(2);
  });

  it('waits for all of its regions, and keeps only what was committed to them', async () => {
    const world = await createContentWorld({ maxPackSize: 1_000 });
    const packs = packWriter(world);
    const slow = await packs.reserve('p', 400);
    const gap = await packs.reserve('p', 500);
    const full = await put(packs, 1, 600);
    await tick();
    expect(await world.blobIDs('p')).toEqual([]);
    expect(packs.read(full)).toEqual(seededBytes(1, 600));
    gap.abandon();
    slow.abandon();
    await packs.finish();
    const [id] = await world.blobIDs('p');
    const stored = await world.memory.getBlob(parseBlobID(id!), range(full));
    expect(stored).toEqual(seededBytes(1, 600));
    expect(packs.read(full)).toBeUndefined();
  });

  it('is not stored if nothing came to lie in it', async () => {
    const world = await createContentWorld();
    const packs = packWriter(world);
    (await packs.reserve('q', 100)).abandon();
    await packs.finish();
    expect(await world.blobIDs()).toEqual([]);
  });

  it('may be larger than a buffer for one large content, one at a time', async () => {
    const world = await createContentWorld({ maxPackSize: 10_000 });
    const packs = packWriter(world);
    const infos = await Promise.all([put(packs, 1, 2 * CAPACITY), put(packs, 2, 3 * CAPACITY)]);
    await packs.finish();
    for (const [index, info] of infos.entries()) {
      const stored = await world.memory.getBlob(info.packBlobID, range(info));
      expect(stored).toEqual(seededBytes(index + 1, info.packedLength));
    }
  });

  it('takes its region back once', async () => {
    const packs = packWriter(await createContentWorld());
    const region = await packs.reserve('p', 10);
    region.abandon();
    expect(() => region.commit([])).toThrow('handed back twice');
  });
});

describe('uploads', () => {
  it.each([1, 3])('are at most %i at once', async (parallelUploads) => {
    const world = await createContentWorld({ maxPackSize: 1_000 });
    let running = 0;
    let most = 0;
    const storage = decorateStorage(world.storage, {
      async putBlob(...parameters) {
        most = Math.max(most, ++running);
        for (let i = 0; i < 5; i++) await tick();
        running--;
        return world.storage.putBlob(...parameters);
      },
    });
    const packs = packWriter(world, { storage, buffers: packBuffers(parallelUploads) });
    for (let seed = 0; seed < 10; seed++) await put(packs, seed, 1_000);
    await packs.finish();
    expect(most).toBe(parallelUploads);
    expect(await world.blobIDs('p')).toHaveLength(10);
  });

  it('hold back writers when all buffers are on their way', async () => {
    const world = await createContentWorld({ maxPackSize: 1_000 });
    const gate = Promise.withResolvers<void>();
    const storage = decorateStorage(world.storage, {
      async putBlob(...parameters) {
        await gate.promise;
        return world.storage.putBlob(...parameters);
      },
    });
    const packs = packWriter(world, { storage });
    for (let seed = 0; seed < 4; seed++) await put(packs, seed, 1_000);
    let reserved = false;
    const fifth = put(packs, 4, 1_000).then(() => (reserved = true));
    await tick();
    expect(reserved).toBe(false);
    gate.resolve();
    await fifth;
    await packs.finish();
    expect(await world.blobIDs('p')).toHaveLength(5);
  });

  it('end the session when one fails: later calls get the same error and nothing more is stored', async () => {
    const world = await createContentWorld({ maxPackSize: 1_000 });
    const failure = new Error('disk full');
    world.storage.addFault({
      operation: 'put',
      idPrefix: 'p',
      fault: { kind: 'error-before', error: failure },
    });
    const packs = packWriter(world);
    const lost = await put(packs, 1, 1_000);
    await tick();
    expect(() => packs.read(lost)).toThrow(failure);
    await expect(packs.reserve('p', 10)).rejects.toBe(failure);
    await expect(packs.finish()).rejects.toBe(failure);
    expect(await world.blobIDs()).toEqual([]);
  });

  it('stop when the session is abandoned, which waits for them and gives all buffers back', async () => {
    const world = await createContentWorld({ maxPackSize: 1_000 });
    const stopped: unknown[] = [];
    const storage = decorateStorage(world.storage, {
      putBlob: hangingPut((reason) => stopped.push(reason)),
    });
    const buffers = packBuffers();
    const packs = packWriter(world, { storage, buffers });
    for (let seed = 0; seed < 2; seed++) await put(packs, seed, 1_000);
    await put(packs, 2, 10);
    const region = await packs.reserve('q', 10);
    const waiting = packs.reserve('p', CAPACITY + 1).catch((error: unknown) => error);
    await packs.abandon();
    expect(stopped).toHaveLength(1);
    expect(await waiting).toMatchObject({ code: 'ABORTED' });
    region.commit([]);
    const next = packWriter(world, { buffers });
    for (let seed = 0; seed < 4; seed++) await put(next, seed, 1_000);
    await next.finish();
    expect(await world.blobIDs('p')).toHaveLength(4);
  });

  it('stop when finishing is aborted', async () => {
    const world = await createContentWorld();
    const storage = decorateStorage(world.storage, { putBlob: hangingPut() });
    const packs = packWriter(world, { storage });
    await put(packs, 1, 10);
    const controller = new AbortController();
    const finishing = packs.finish({ signal: controller.signal });
    controller.abort('enough');
    await expect(finishing).rejects.toBe('enough');
    expect(await world.blobIDs()).toEqual([]);
  });
});

describe('waiting for a pack', () => {
  it('is not ended by the abort of another caller who waits for the same pack', async () => {
    const world = await createContentWorld();
    const buffers = packBuffers();
    const held = await Promise.all(Array.from({ length: 4 }, () => buffers.acquire(1, {})));
    const packs = packWriter(world, { buffers });
    const controller = new AbortController();
    const first = packs.reserve('p', 10, { signal: controller.signal });
    const second = packs.reserve('p', 10);
    controller.abort('mine');
    await expect(first).rejects.toBe('mine');
    held[0]!.release();
    (await second).abandon();
  });
});
