import { collectBlobs, LongshoreError, openRepository, rewriteContents } from '@longshore/repo';
import { maintainRepository } from '@longshore/snapshot';
import { beforeEach, describe, expect, it } from 'vitest';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import { DAY, HOUR, MINUTE, uniqueText, VirtualRepository } from './virtual-repository.ts';

let virtual: VirtualRepository;

/** A pack that nobody names: of a writer that gave up, or of one that died and left the marker of its session. */
async function abandonPack(how: 'given up' | 'died'): Promise<void> {
  await using repository = await virtual.open('writer');
  const writer = repository.newWriter();
  await writer.writeObject(new Uint8Array(11 * 1024 * 1024).map((_, i) => (i * i) >> 7));
  if (how === 'given up') await writer[Symbol.asyncDispose]();
}

beforeEach(async () => {
  virtual = await VirtualRepository.create();
  for (let i = 0; i < 3; i++) await virtual.snapshot({ a: uniqueText(`${i}`) }, `/${i}`);
});

describe('packs that are collected by hand', () => {
  it.each([
    ['a day after they were written', 'given up', 24n],
    ['four days after the checkpoint of a session that left its marker', 'died', 96n],
  ] as const)('go %s', async (_, how, hours) => {
    const before = await virtual.names();
    await abandonPack(how);
    const left = await virtual.names();
    expect(left.length).toBeGreaterThan(before.length);
    await using repository = await virtual.open('anybody');
    virtual.time.advance((hours - 1n) * HOUR);
    await collectBlobs(repository, undefined);
    expect(await virtual.names()).toEqual(left);
    virtual.time.advance(HOUR);
    await collectBlobs(repository, undefined, { dryRun: true });
    expect(await virtual.names()).toEqual(left);
    await collectBlobs(repository, undefined);
    expect(await virtual.names()).toEqual(before);
    expect((await virtual.read()).size).toBe(3);
  });

  it('are aged by the clock of the storage, and not at all where that is far from the local one', async () => {
    await abandonPack('given up');
    const left = await virtual.names();
    const { algorithms, time, storage } = virtual;
    const clock = (): bigint => time.clock() + 5n * DAY;
    const open = { storage, algorithms, clock, sleep: time.sleep, password: 'virtual' };
    await using repository = await openRepository(open);
    await expect(collectBlobs(repository, undefined)).rejects.toMatchObject({ code: 'CLOCK_SKEW' });
    expect(await virtual.names()).toEqual(left);
  });

  it('are only those of a prefix, which has to be one of packs or markers', async () => {
    await abandonPack('died');
    virtual.time.advance(5n * DAY);
    const left = await virtual.names();
    await using repository = await virtual.open('anybody');
    for (const prefix of ['', 'x', 'xn', 'kopia.repository', 'n', 'longshore']) {
      await expect(collectBlobs(repository, prefix)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect(await virtual.names()).toEqual(left);
    await collectBlobs(repository, 'q');
    expect(await virtual.names()).toEqual(left);
    await collectBlobs(repository, 'p');
    expect((await virtual.names('p')).length).toBeLessThan(
      left.filter((id) => id.startsWith('p')).length,
    );
    expect(await virtual.names('s')).not.toEqual([]);
  });

  it('are not collected while the index is lost', async () => {
    virtual.time.advance(5n * DAY);
    await using repository = await virtual.open('anybody');
    for (const name of await virtual.names('x')) await virtual.storage.deleteBlob(name as never);
    await expect(collectBlobs(repository, undefined)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
    });
  });
});

describe('contents that are moved by hand', () => {
  it('are all there afterwards, and what they left is collected when it is old enough', async () => {
    const expected = await virtual.read();
    virtual.time.advance(3n * HOUR);
    {
      await using repository = await virtual.open('anybody');
      await rewriteContents(repository, { shortPacks: ['p', 'q'] });
      virtual.time.advance(HOUR);
      await collectBlobs(repository, undefined);
    }
    expect(await virtual.read()).toEqual(expected);
    expect(await virtual.names('p')).toHaveLength(4);
    virtual.time.advance(DAY);
    await using repository = await virtual.open('anybody');
    await collectBlobs(repository, undefined);
    expect(await virtual.read()).toEqual(expected);
    expect(await virtual.names('p')).toHaveLength(1);
  });

  it('leave their packs to the readers of the old index for an hour', async () => {
    virtual.time.advance(2n * DAY);
    await using repository = await virtual.open('anybody');
    await rewriteContents(repository, { shortPacks: ['p', 'q'] });
    const left = await virtual.names('p');
    expect(left).toHaveLength(4);
    const tooEarly = { code: 'UNSUPPORTED', message: expect.stringContaining('before 2') };
    virtual.time.advance(HOUR - MINUTE);
    await expect(collectBlobs(repository, undefined)).rejects.toMatchObject(tooEarly);
    await virtual.maintain();
    expect(await virtual.names('p')).toEqual(expect.arrayContaining([...left]));
    virtual.time.advance(MINUTE);
    await collectBlobs(repository, undefined);
    expect(await virtual.names('p')).toHaveLength(1);
  });

  it('leave packs that go at once where nobody reads', async () => {
    virtual.time.advance(2n * DAY);
    await using repository = await virtual.open('anybody');
    await rewriteContents(repository, { shortPacks: ['p', 'q'] });
    await collectBlobs(repository, undefined, { safety: 'none' });
    expect(await virtual.names('p')).toHaveLength(1);
  });

  it('hold back the collection although the rest could not be moved, but not if nothing was', async () => {
    virtual.time.advance(2n * DAY);
    await using repository = await virtual.open('anybody');
    await rewriteContents(repository, {});
    await rewriteContents(repository, { shortPacks: ['p', 'q'] }, { dryRun: true });
    await collectBlobs(repository, undefined);
    const infos = [...repository.contents.iterateContents()];
    const [moved] = infos;
    const lost = infos.find(({ packBlobID }) => packBlobID !== moved!.packBlobID);
    await virtual.storage.deleteBlob(lost!.packBlobID);
    const contentIDs = [moved!.contentID, lost!.contentID];
    await expect(
      rewriteContents(repository, { contentIDs }, { parallelism: 1 }),
    ).rejects.toMatchObject({
      facts: { blobID: lost!.packBlobID },
    });
    await expect(collectBlobs(repository, undefined)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});

describe('a rewrite by maintenance that ends half-way', () => {
  beforeEach(() => virtual.time.advance(2n * DAY));

  /** Something happens as the rewrite has committed: its session ends. */
  async function rewriteUntilCommitted(
    onCommitted: () => void,
    isDead: () => boolean,
    signal?: AbortSignal,
  ): Promise<unknown> {
    let rewriting = false;
    const { storage } = virtual;
    const refuse = (): void => {
      if (isDead()) throw new LongshoreError('ABORTED', 'dead');
    };
    const watched = decorateStorage(storage, {
      deleteBlob: async (id, options) => {
        refuse();
        await storage.deleteBlob(id, options);
        if (rewriting && id.startsWith('s')) onCommitted();
      },
      putBlob: async (id, ...rest) => {
        refuse();
        await storage.putBlob(id, ...rest);
      },
    });
    await using repository = await virtual.over(watched);
    return maintainRepository(repository, {
      mode: 'full',
      ...(signal === undefined ? {} : { signal }),
      onEvent: (event) => {
        if (event.type === 'task-started') rewriting = event.task === 'full-rewrite-contents';
      },
    }).catch((error: unknown) => error);
  }

  async function expectPacksToStay(): Promise<void> {
    const packs = await virtual.names('p');
    expect(packs).toHaveLength(4);
    await using repository = await virtual.open('anybody');
    virtual.time.advance(HOUR - MINUTE);
    await expect(collectBlobs(repository, undefined)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
    await virtual.maintain();
    expect(await virtual.names('p')).toEqual(expect.arrayContaining([...packs]));
    virtual.time.advance(2n * HOUR);
    await virtual.maintain();
    expect(await virtual.names('p')).toHaveLength(1);
    expect((await virtual.read()).size).toBe(3);
  }

  it('by an abort leaves its packs to the readers of the old index for an hour', async () => {
    const controller = new AbortController();
    const reason = new Error('interrupted');
    const abort = (): void => controller.abort(reason);
    const error = await rewriteUntilCommitted(abort, () => false, controller.signal);
    expect(error).toBe(reason);
    await expectPacksToStay();
  });

  it('by the end of its process does so as well', async () => {
    let dead = false;
    const die = (): void => void (dead = true);
    const error = await rewriteUntilCommitted(die, () => dead);
    expect(error).toMatchObject({ code: 'ABORTED' });
    await expectPacksToStay();
  });
});

describe('the extension of locks', () => {
  it('goes on after a blob that refuses it, and says so at the end', async () => {
    const retention = { mode: 'GOVERNANCE', periodNanoseconds: 30n * DAY } as const;
    virtual = await VirtualRepository.create({
      create: { retention },
      parameters: { extendObjectLocks: true },
    });
    await virtual.snapshot({ a: uniqueText('a') });
    const [pack] = await virtual.names('p');
    virtual.time.advance(10n * DAY);
    const storage = decorateStorage(virtual.storage, {
      extendRetention: (extend, id, ...rest) => {
        if (id === pack) throw new LongshoreError('ACCESS_DENIED', 'not this one');
        return extend(id, ...rest);
      },
    });
    await using repository = await virtual.over(storage);
    await expect(maintainRepository(repository, { mode: 'full' })).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringContaining('1 blobs'),
    });
    const now = virtual.time.clock();
    for (const name of await virtual.names()) {
      if (!/^(?:[pqx]|kopia\.(?:repository|blobcfg))/.test(name)) continue;
      const until = virtual.storage.lockOf(name as never)?.retainUntil;
      expect([name, until! > now + 29n * DAY]).toEqual([name, name !== pack]);
    }
  });
});
