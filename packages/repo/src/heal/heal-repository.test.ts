import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import type { BlobID } from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import { createSystemClock } from '../clock.ts';
import type { ContentInfo } from '../content/content-info.ts';
import { StoredPacks } from '../content/stored-packs.ts';
import { createRepository } from '../create.ts';
import { createIndexInspector } from '../index-inspector.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import { writeSession, type OpenWritableRepository } from '../repository.ts';
import { syncStorages } from '../sync/sync-storages.ts';
import { verifyRotating } from '../verification/rotating-verification.ts';
import { healRepository, type HealOptions } from './heal-repository.ts';

const clock = createSystemClock();
const TEXTS = ['one', 'two', 'three'].map((word) => `${word} `.repeat(500));

let storage: MemoryStorage;
let replica: MemoryStorage;
let repository: OpenWritableRepository;

async function newRepository(target: MemoryStorage, eccOverheadPercent = 0) {
  return createRepository({
    storage: target,
    password: 'test',
    algorithms: portableAlgorithms(),
    keyDerivation: 'pbkdf2-sha256-600000',
    ...(eccOverheadPercent === 0 ? {} : { eccOverheadPercent }),
  });
}

async function prepare(eccOverheadPercent = 0): Promise<void> {
  storage = createMemoryStorage({ clock });
  replica = createMemoryStorage({ clock });
  repository = await newRepository(storage, eccOverheadPercent);
  await writeSession(repository, {}, async (writer) => {
    for (const text of TEXTS) await writer.writeObject(encodeUtf8(text));
  });
  await syncStorages(storage, replica);
}

beforeEach(() => prepare());

function entries(): readonly ContentInfo[] {
  return [...repository.contents.iterateContents()];
}

function packID(): BlobID {
  return entries()[0]!.packBlobID;
}

async function flip(target: MemoryStorage, { packBlobID, packOffset }: ContentInfo): Promise<void> {
  const bytes = await target.getBlob(packBlobID);
  bytes[packOffset + 20]! ^= 0x10;
  await target.putBlob(packBlobID, bytes);
}

async function heal(options: HealOptions = {}) {
  return healRepository(repository, { replica, ...options });
}

/** What a verification of every byte names. */
async function damagedBlobs(): Promise<readonly BlobID[]> {
  const { damaged } = await verifyRotating(repository, {
    withinSeconds: 1,
    budgetBytes: Number.MAX_SAFE_INTEGER,
  });
  return damaged.map(({ blobID }) => blobID);
}

async function expectSound(): Promise<void> {
  for (const { contentID } of entries()) await repository.contents.getContent(contentID);
}

describe('healing', () => {
  it('leaves a sound repository alone', async () => {
    expect(await heal({ readPacks: true })).toMatchObject({ packs: [] });
  });

  it('brings a missing pack back', async () => {
    await storage.deleteBlob(packID());
    const { packs } = await heal();
    expect(packs).toMatchObject([
      { packBlobID: packID(), problem: 'missing', rewritten: true, lost: [] },
    ]);
    expect(await storage.getBlob(packID())).toEqual(await replica.getBlob(packID()));
  });

  it('brings back what was cut off a pack', async () => {
    const bytes = await storage.getBlob(packID());
    await storage.putBlob(packID(), bytes.subarray(0, entries()[0]!.packOffset + 10));
    expect((await heal()).packs).toMatchObject([{ problem: 'short', rewritten: true, lost: [] }]);
    await expectSound();
  });

  it('finds flipped bits only if packs are read, and then mends them', async () => {
    await flip(storage, entries()[1]!);
    expect((await heal()).packs).toEqual([]);
    expect((await heal({ readPacks: true })).packs).toMatchObject([
      { problem: 'damaged', rewritten: true, lost: [] },
    ]);
    await expectSound();
  });

  it('makes one sound pack of two that are damaged in different places', async () => {
    await flip(storage, entries()[0]!);
    await flip(replica, entries()[1]!);
    expect((await heal({ readPacks: true })).packs).toMatchObject([{ rewritten: true, lost: [] }]);
    await expectSound();
  });

  const cutTail = (bytes: Uint8Array): Uint8Array => bytes.slice(0, -60);
  const flipTail = (bytes: Uint8Array): Uint8Array => {
    bytes[bytes.length - 120]! ^= 1;
    return bytes;
  };

  it.each([
    ['cut off', cutTail],
    ['damaged', flipTail],
  ])('takes the recovery index from the replica where it is %s', async (_, spoil) => {
    const whole = await storage.getBlob(packID());
    await storage.putBlob(packID(), spoil(whole.slice()));
    expect(await damagedBlobs()).toEqual([packID()]);
    expect((await heal({ readPacks: true })).packs).toMatchObject([
      { problem: 'recovery-index', rewritten: true, lost: [] },
    ]);
    expect(await storage.getBlob(packID())).toEqual(whole);
    expect(await damagedBlobs()).toEqual([]);
  });

  it('makes a recovery index anew from the index where nobody has one', async () => {
    const whole = await storage.getBlob(packID());
    for (const [own, others] of [
      [cutTail, undefined],
      [flipTail, cutTail],
    ] as const) {
      await storage.putBlob(packID(), own(whole.slice()));
      if (others !== undefined) await replica.putBlob(packID(), others(whole.slice()));
      const from = others === undefined ? undefined : replica;
      expect((await heal({ readPacks: true, replica: from })).packs).toMatchObject([
        { problem: 'recovery-index', rewritten: true, lost: [] },
      ]);
      const { formatManager } = repository;
      const inspector = await createIndexInspector({ storage, formatManager });
      const recovered = await inspector.recoverEntries(await storage.getMetadata(packID()));
      expect([...recovered]).toEqual(entries());
      expect(await damagedBlobs()).toEqual([]);
    }
  });

  it('joins contents and a recovery index that are sound in different copies', async () => {
    const whole = await storage.getBlob(packID());
    await storage.putBlob(packID(), cutTail(whole));
    await flip(replica, entries()[0]!);
    expect((await heal({ readPacks: true })).packs).toMatchObject([{ rewritten: true, lost: [] }]);
    expect(await storage.getBlob(packID())).toEqual(whole);
  });

  it('names what nobody has any more, and keeps what it has', async () => {
    await flip(storage, entries()[0]!);
    await flip(replica, entries()[0]!);
    const before = await storage.getBlob(packID());
    const { packs } = await heal({ readPacks: true });
    expect(packs).toMatchObject([{ problem: 'damaged', rewritten: false }]);
    expect(packs[0]!.lost.map(({ info }) => info.contentID)).toEqual([entries()[0]!.contentID]);
    expect(await storage.getBlob(packID())).toEqual(before);
  });

  it('takes a damaged pack of the replica where its own is gone', async () => {
    await storage.deleteBlob(packID());
    await flip(replica, entries()[0]!);
    const { packs } = await heal();
    expect(packs).toMatchObject([{ problem: 'missing', rewritten: true, lost: { length: 1 } }]);
    await repository.contents.getContent(entries()[1]!.contentID);
  });

  it('names all contents of a pack that is gone without a replica', async () => {
    await storage.deleteBlob(packID());
    const { packs } = await heal({ replica: undefined });
    expect(packs).toMatchObject([{ problem: 'missing', rewritten: false, lost: { length: 3 } }]);
  });

  it('writes nothing when it is dry', async () => {
    await storage.deleteBlob(packID());
    expect((await heal({ dryRun: true })).packs).toMatchObject([{ rewritten: true }]);
    await expect(storage.getBlob(packID())).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  it('refuses another repository as a replica', async () => {
    const other = createMemoryStorage({ clock });
    await newRepository(other);
    await expect(heal({ replica: other })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('with error correction, healing', () => {
  beforeEach(() => prepare(10));

  it('writes a pack anew as it was, without a replica', async () => {
    const before = await storage.getBlob(packID());
    await flip(storage, entries()[1]!);
    expect((await heal({ readPacks: true, replica: undefined })).packs).toMatchObject([
      { problem: 'mended', rewritten: true, lost: [] },
    ]);
    expect(await storage.getBlob(packID())).toEqual(before);
  });
});

/** How many contents a writer that looks at the storage stores again. */
async function writeAgain(): Promise<number> {
  const packs = await StoredPacks.list(storage, clock);
  let stored = 0;
  await writeSession(
    repository,
    {
      isStored: (info) => packs.holds(info),
      onHashed: (_length, duplicate) => {
        if (!duplicate) stored += 1;
      },
    },
    async (writer) => {
      for (const text of [...TEXTS, ...TEXTS]) await writer.writeObject(encodeUtf8(text));
    },
  );
  return stored;
}

describe('a writer that is told what the storage holds', () => {
  it('stores contents of a missing pack again, each once', async () => {
    await storage.deleteBlob(packID());
    expect(await writeAgain()).toBe(TEXTS.length);
    await expectSound();
    expect(await writeAgain()).toBe(0);
  });

  it('stores only what lies beyond the end of a cut pack', async () => {
    const [first] = entries().toSorted((a, b) => a.packOffset - b.packOffset);
    const bytes = await storage.getBlob(packID());
    await storage.putBlob(packID(), bytes.subarray(0, first!.packOffset + first!.packedLength));
    expect(await writeAgain()).toBe(TEXTS.length - 1);
    await expectSound();
  });

  it('stores nothing of a sound repository', async () => {
    expect(await writeAgain()).toBe(0);
  });
});
