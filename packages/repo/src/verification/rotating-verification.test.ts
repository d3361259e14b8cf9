import { beforeEach, describe, expect, it } from 'vitest';
import { createManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import { parseBlobID } from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import { createRepository } from '../create.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import { writeSession, type OpenWritableRepository } from '../repository.ts';
import {
  verifyRotating,
  type RotatingVerificationOptions,
  type RotatingVerificationResult,
} from './rotating-verification.ts';

const DAY = 86_400;
const WITHIN = 10 * DAY;

let storage: MemoryStorage;
let repository: OpenWritableRepository;
let time: ReturnType<typeof createManualTime>;

beforeEach(async () => {
  time = createManualTime(1_700_000_000_000_000_000n);
  storage = createMemoryStorage({ clock: time.clock });
  repository = await createRepository({
    storage,
    password: 'test',
    algorithms: portableAlgorithms(),
    keyDerivation: 'pbkdf2-sha256-600000',
    clock: time.clock,
  });
  for (let i = 0; i < 30; i++) await add(`content ${i} `.repeat(200));
  pass(0.5);
});

/** A pack and an index blob. */
async function add(text: string): Promise<void> {
  await writeSession(repository, {}, (writer) => writer.writeObject(encodeUtf8(text)));
}

function pass(days: number): void {
  time.advance(BigInt(Math.round(days * DAY)) * 1_000_000_000n);
}

function verify(
  options: Partial<RotatingVerificationOptions> = {},
): Promise<RotatingVerificationResult> {
  return verifyRotating(repository, { withinSeconds: WITHIN, ...options });
}

async function stateBlobs(): Promise<readonly string[]> {
  const blobs = await Array.fromAsync(storage.listBlobs('longshore.'));
  return blobs.map(({ id }) => id);
}

describe('a rotating verification', () => {
  it('reads a share of the storage in each run, and all of it in the time', async () => {
    const first = await verify();
    expect(first).toMatchObject({ promiseHolds: true, damaged: [] });
    expect(first.readBytes).toBeLessThan(first.totalBytes / 3);
    let last = first;
    for (let day = 1; day <= 10; day++) {
      pass(1);
      last = await verify();
      expect(last.promiseHolds).toBe(true);
    }
    expect(last.coveredBytes).toBe(last.totalBytes);
    expect(last.oldestUnreadSeconds).toBeLessThanOrEqual(WITHIN);
  });

  it('goes on where a small budget ended, within one partition too', async () => {
    const seen = new Map<string, number>();
    const onEvent: RotatingVerificationOptions['onEvent'] = (event) => {
      if (event.type !== 'verified') return;
      seen.set(event.blobID, (seen.get(event.blobID) ?? 0) + 1);
    };
    const { totalBlobs } = await verify({ budgetBytes: 1, onEvent });
    for (let run = 1; run < totalBlobs; run++) {
      pass(0.01);
      expect(await verify({ budgetBytes: 1, onEvent })).toMatchObject({ readBlobs: 1 });
    }
    expect(seen.size).toBe(totalBlobs);
    expect([...seen.values()].every((count) => count === 1)).toBe(true);
  });

  it('says so when the budget is too small for the promise', async () => {
    await verify({ budgetBytes: 1 });
    pass(11);
    const result = await verify({ budgetBytes: 1 });
    expect(result.promiseHolds).toBe(false);
    expect(result.overdueBytes).toBeGreaterThan(0);
    expect(result.oldestUnreadSeconds).toBeGreaterThan(WITHIN);
  });

  it('keeps one sealed state, and begins anew if that does not open', async () => {
    await verify();
    pass(1);
    await verify();
    const [id, ...others] = await stateBlobs();
    expect(others).toEqual([]);
    const bytes = await storage.getBlob(parseBlobID(id!));
    bytes[40]! ^= 1;
    await storage.putBlob(parseBlobID(id!), bytes);
    pass(1);
    const { coveredBytes, readBytes } = await verify();
    expect(coveredBytes).toBe(readBytes);
    expect(await stateBlobs()).toHaveLength(1);
  });

  it('finds a flipped bit in any part of a blob that is not mere filling', async () => {
    const [info] = [...repository.contents.iterateContents()];
    const bytes = await storage.getBlob(info!.packBlobID);
    bytes[info!.packOffset + 3]! ^= 4;
    await storage.putBlob(info!.packBlobID, bytes);
    const { damaged } = await verify({ budgetBytes: Number.MAX_SAFE_INTEGER });
    expect(damaged).toMatchObject([{ blobID: info!.packBlobID, lostContents: [info!.contentID] }]);
  });

  it('finds a damaged recovery index and a damaged index blob', async () => {
    const [info] = [...repository.contents.iterateContents()];
    const pack = await storage.getBlob(info!.packBlobID);
    pack[pack.length - 120]! ^= 4;
    await storage.putBlob(info!.packBlobID, pack);
    const [index] = await Array.fromAsync(storage.listBlobs('xn'));
    const bytes = await storage.getBlob(index!.id);
    bytes[5]! ^= 1;
    await storage.putBlob(index!.id, bytes);
    const { damaged } = await verify({ budgetBytes: Number.MAX_SAFE_INTEGER });
    expect(new Set(damaged.map(({ blobID }) => blobID))).toEqual(
      new Set([info!.packBlobID, index!.id]),
    );
    expect(damaged.every(({ lostContents }) => lostContents.length === 0)).toBe(true);
  });

  it('names a damaged blob in every run until it is sound or gone, whatever its turn', async () => {
    const [info, other] = [...repository.contents.iterateContents()];
    const whole = await storage.getBlob(info!.packBlobID);
    for (const { packBlobID, packOffset } of [info!, other!]) {
      const bytes = (await storage.getBlob(packBlobID)).slice();
      bytes[packOffset + 3]! ^= 4;
      await storage.putBlob(packBlobID, bytes);
    }
    pass(0.1);
    await verify({ budgetBytes: Number.MAX_SAFE_INTEGER });
    const both = new Set([info!.packBlobID, other!.packBlobID]);
    for (let day = 1; day <= 3; day++) {
      pass(1);
      const { damaged } = await verify();
      expect(new Set(damaged.map(({ blobID }) => blobID))).toEqual(both);
      expect(damaged.flatMap(({ lostContents }) => lostContents)).toHaveLength(2);
    }
    pass(0.1);
    // A budget that is too small for both.
    const { damaged: named, readBlobs } = await verify({ budgetBytes: whole.length + 10 });
    expect(new Set(named.map(({ blobID }) => blobID))).toEqual(both);
    expect(readBlobs).toBeLessThanOrEqual(2);
    await storage.putBlob(info!.packBlobID, whole);
    pass(1);
    expect((await verify()).damaged).toMatchObject([{ blobID: other!.packBlobID }]);
    await storage.deleteBlob(other!.packBlobID);
    pass(1);
    // As long as the index names it, it is missing.
    expect((await verify()).damaged).toMatchObject([{ blobID: other!.packBlobID }]);
  });

  it('forgets a damaged blob that maintenance took', async () => {
    const [index] = await Array.fromAsync(storage.listBlobs('xn'));
    const bytes = (await storage.getBlob(index!.id)).slice();
    bytes[5]! ^= 1;
    await storage.putBlob(index!.id, bytes);
    pass(0.1);
    expect((await verify({ budgetBytes: Number.MAX_SAFE_INTEGER })).damaged).toHaveLength(1);
    pass(1);
    expect((await verify()).damaged).toMatchObject([{ blobID: index!.id, lostContents: [] }]);
    await storage.deleteBlob(index!.id);
    for (let run = 0; run < 2; run++) {
      pass(1);
      expect((await verify()).damaged).toEqual([]);
    }
  });

  it('names a missing pack in every run', async () => {
    const [info] = [...repository.contents.iterateContents()];
    await storage.deleteBlob(info!.packBlobID);
    for (let run = 0; run < 2; run++) {
      expect((await verify({ budgetBytes: 1 })).damaged).toMatchObject([
        { blobID: info!.packBlobID, lostContents: [info!.contentID] },
      ]);
    }
  });

  it('keeps what was read when it is interrupted, and reads nothing else for lost', async () => {
    const abort = new AbortController();
    await expect(
      verify({
        budgetBytes: Number.MAX_SAFE_INTEGER,
        signal: abort.signal,
        onEvent: ({ type }) => {
          if (type === 'verified') abort.abort(new Error('enough'));
        },
      }),
    ).rejects.toThrow('enough');
    expect(await stateBlobs()).toHaveLength(1);
    expect(await verify({ budgetBytes: Number.MAX_SAFE_INTEGER })).toMatchObject({ damaged: [] });
  });

  it.each([{ withinSeconds: 0 }, { budgetBytes: 0 }])('refuses %j', async (options) => {
    await expect(verify(options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
