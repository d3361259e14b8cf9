import {
  openFormat,
  openRepository,
  parseBlobID,
  rollBackUpgrade,
  upgradeRepository,
  validateUpgrade,
  webRandomSource,
  type BlobStorage,
  type RollBackOutcome,
  type UpgradeEnvironment,
  type UpgradeEvent,
  type UpgradeOptions,
  type UpgradeOutcome,
} from '@longshore/repo';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  DAY,
  HOUR,
  uniqueText,
  VirtualRepository,
  type Files,
} from '../maintenance/virtual-repository.ts';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import { DyingStorage } from './breakable-storage.ts';

const OWNER = 'upgrader@host';
const FORMAT = parseBlobID('kopia.repository');
const POISON =
  'n00000000000000000000000000000000-repository_unreadable_by_this_kopia_version_upgrade_required';

async function environment(
  virtual: VirtualRepository,
  storage: BlobStorage,
  ownerID = OWNER,
): Promise<UpgradeEnvironment> {
  const { algorithms, time } = virtual;
  const formatManager = await openFormat({
    storage,
    algorithms,
    clock: time.clock,
    password: 'virtual',
    upgradeOwnerID: ownerID,
  });
  return { storage, formatManager, ownerID, clock: time.clock, random: webRandomSource };
}

async function begin(
  virtual: VirtualRepository,
  options: Partial<UpgradeOptions> = {},
): Promise<UpgradeOutcome> {
  const { storage = virtual.storage, ownerID, ...rest } = options;
  const parts = await environment(virtual, storage, ownerID);
  return upgradeRepository({ ...parts, sleep: virtual.time.sleep, ...rest });
}

async function rollBack(
  virtual: VirtualRepository,
  storage: BlobStorage = virtual.storage,
): Promise<RollBackOutcome> {
  return rollBackUpgrade(await environment(virtual, storage));
}

/** Snapshots, index blobs that were merged and others, deleted contents. */
async function oldRepository(version: 1 | 2): Promise<VirtualRepository> {
  const virtual = await VirtualRepository.create({ version });
  for (let i = 0; i < 9; i++) await virtual.snapshot({ i: uniqueText(`${i}`) }, `/many/${i}`);
  const gone = await virtual.snapshot({ gone: uniqueText('gone') }, '/gone');
  virtual.time.advance(2n * DAY);
  await virtual.deleteSnapshot(gone);
  await virtual.maintain();
  await virtual.maintain({ mode: 'quick' });
  await virtual.snapshot({ later: uniqueText('later') }, '/later');
  return virtual;
}

async function versionOf(virtual: VirtualRepository): Promise<number> {
  await using repository = await virtual.open();
  return repository.formatManager.current().version;
}

/** Everything reads, writes and is maintained. */
async function expectSound(
  virtual: VirtualRepository,
  expected: ReadonlyMap<string, Files>,
): Promise<void> {
  expect(await virtual.read()).toEqual(expected);
  const { id } = await virtual.snapshot({ new: uniqueText('new') }, '/new');
  virtual.time.advance(2n * DAY);
  await virtual.maintain();
  const now = new Map(await virtual.read());
  expect(now.get(id)).toEqual({ new: uniqueText('new') });
  now.delete(id);
  expect(now).toEqual(expected);
}

describe.each([1, 2] as const)('an upgrade from format version %i', (version) => {
  let old: VirtualRepository;
  let expected: ReadonlyMap<string, Files>;

  beforeAll(async () => {
    old = await oldRepository(version);
    expected = await old.read();
    expect(expected.size).toBe(10);
  });

  /** Maintenance takes a while: only now and then. */
  async function check(dying: number, virtual: VirtualRepository): Promise<void> {
    if (dying % 7 === 0) await expectSound(virtual, expected);
    else expect(await virtual.read()).toEqual(expected);
  }

  it('ends with version 3, epochs, every snapshot and no copy of the old format', async () => {
    const virtual = await old.clone();
    const events: UpgradeEvent['type'][] = [];
    expect(await begin(virtual, { onEvent: ({ type }) => events.push(type) })).toBe('committed');
    const migration = ['draining', 'drained', 'migrated', 'validated'];
    expect([...new Set(events)]).toEqual([
      'locked',
      ...(version === 1 ? migration : []),
      'committed',
    ]);
    {
      await using repository = await virtual.open();
      const { epochParameters, indexVersion, version: now } = repository.formatManager.current();
      expect([now, indexVersion, epochParameters.enabled]).toEqual([3, 2, true]);
    }
    expect(await virtual.names('kopia.repository')).toEqual(['kopia.repository']);
    expect(await virtual.names(POISON)).toEqual([POISON]);
    await expectSound(virtual, expected);
    expect(await begin(virtual)).toBe('up-to-date');
  });

  it.each(['before', 'after'] as const)(
    'can die at any call, %s its effect, and be begun again or taken back',
    async (failure) => {
      let calls = 1;
      for (let dying = 0; dying <= calls; dying++) {
        const virtual = await old.clone();
        const mortal = new DyingStorage(virtual.storage, dying, failure);
        const outcome = begin(virtual, { storage: mortal.storage });
        if (dying === 0) {
          await outcome;
          ({ calls } = mortal);
          continue;
        }
        await outcome.catch(() => undefined);
        const other = await virtual.clone();
        expect(['committed', 'up-to-date']).toContain(await begin(virtual));
        expect(await versionOf(virtual)).toBe(3);
        await check(dying, virtual);
        const { upgradeLock } = (await environment(other, other.storage)).formatManager;
        if (upgradeLock !== undefined) expect(await rollBack(other)).toBe('rolled-back');
        expect(await other.names('kopia.repository.backup.')).toEqual(
          upgradeLock === undefined ? expect.any(Array) : [],
        );
        await check(dying, other);
      }
      expect(calls).toBeGreaterThan(version === 1 ? 50 : 10);
    },
    120_000,
  );

  it.each(['before', 'after'] as const)(
    'can be taken back by somebody who dies at any call, %s its effect',
    async (failure) => {
      let calls = 1;
      const upgraded = await old.clone();
      expect(await begin(upgraded, { stopAfter: 'validation' })).toBe('validated');
      for (let dying = 0; dying <= calls; dying++) {
        const virtual = await upgraded.clone();
        const mortal = new DyingStorage(virtual.storage, dying, failure);
        const done = await rollBack(virtual, mortal.storage).then(
          () => true,
          () => false,
        );
        if (dying === 0) ({ calls } = mortal);
        const other = await virtual.clone();
        const { upgradeLock } = (await environment(virtual, virtual.storage)).formatManager;
        if (done) expect(upgradeLock).toBeUndefined();
        if (upgradeLock !== undefined) await rollBack(virtual);
        expect(await versionOf(virtual)).toBe(version);
        await check(dying, virtual);
        await begin(other);
        expect(await versionOf(other)).toBe(3);
        await check(dying, other);
      }
      expect(calls).toBeGreaterThan(version === 1 ? 15 : 7);
    },
    120_000,
  );

  it('keeps everybody else out from the lock to the commit', async () => {
    const virtual = await old.clone();
    await using open = await virtual.open('writer');
    await using writer = open.newWriter();
    await writer.writeObject(new TextEncoder().encode('begun before the lock'));
    expect(await begin(virtual, { stopAfter: 'lock' })).toBe('locked');
    const locked = expect.objectContaining({ code: 'REPOSITORY_LOCKED' });
    await expect(virtual.open('writer')).rejects.toThrow(locked);
    await expect(begin(virtual, { ownerID: 'other' })).rejects.toThrow(locked);
    virtual.time.advance(16n * 60n * 1_000_000_000n);
    // A client that is there already notices before the drain is over, at the latest when it commits.
    await expect(writer.flush()).rejects.toThrow(locked);
    expect(await begin(virtual)).toBe('committed');
    await expectSound(virtual, expected);
  });
});

describe('an upgrade', () => {
  it('waits for other clients as long as they may take to notice', async () => {
    const virtual = await oldRepository(1);
    const before = virtual.time.clock();
    await begin(virtual);
    expect(virtual.time.clock() - before).toBeGreaterThan(35n * 60n * 1_000_000_000n);
    expect(virtual.time.sleeps.every((sleep) => sleep <= 60_001)).toBe(true);
  });

  it('refuses timings in which nobody could notice, unless told that nobody has to', async () => {
    const virtual = await oldRepository(1);
    const wrong = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    const second = 1_000_000_000n;
    await expect(begin(virtual, { ioDrainTimeout: second })).rejects.toThrow(wrong);
    await expect(begin(virtual, { statusPollInterval: HOUR })).rejects.toThrow(wrong);
    await expect(begin(virtual, { ownerID: 'a/b' })).rejects.toThrow(wrong);
    await expect(begin(virtual, { maxPermittedClockDrift: 0n })).rejects.toThrow(wrong);
    expect(await virtual.names('kopia.repository')).toEqual(['kopia.repository']);
    const unsafe = { allowUnsafeTimings: true, statusPollInterval: second };
    expect(
      await begin(virtual, {
        ...unsafe,
        ioDrainTimeout: second,
        maxPermittedClockDrift: second,
      }),
    ).toBe('committed');
  });

  it('does not begin where the clock is further from the storage than it says', async () => {
    const virtual = await oldRepository(1);
    const parts = await environment(virtual, virtual.storage);
    const clock = (): bigint => virtual.time.clock() + HOUR;
    const skew = upgradeRepository({ ...parts, clock, sleep: virtual.time.sleep });
    await expect(skew).rejects.toThrow(expect.objectContaining({ code: 'CLOCK_SKEW' }));
    expect(await versionOf(virtual)).toBe(1);
  });

  it('to version 2 does not wait where nobody is seen writing, and loses nothing wherever it dies', async () => {
    const old = await oldRepository(1);
    const expected = await old.read();
    const options = { targetVersion: 2, waitsForWritersOnly: true } as const;
    let calls = 1;
    for (let dying = 0; dying <= calls; dying += dying === 0 ? 1 : 3) {
      const virtual = await old.clone();
      const mortal = new DyingStorage(virtual.storage, dying, 'after');
      const before = virtual.time.sleeps.length;
      await begin(virtual, { ...options, storage: mortal.storage }).catch(() => undefined);
      expect(virtual.time.sleeps).toHaveLength(before);
      if (dying === 0) ({ calls } = mortal);
      expect(['committed', 'up-to-date']).toContain(await begin(virtual, options));
      await using repository = await virtual.open();
      const { epochParameters, indexVersion, version } = repository.formatManager.current();
      expect([version, indexVersion, epochParameters.enabled]).toEqual([2, 2, true]);
      expect(await virtual.read()).toEqual(expected);
    }
    expect(await begin(old, options)).toBe('committed');
    await expectSound(old, expected);
    expect(await begin(old, options)).toBe('up-to-date');
    expect(await begin(old)).toBe('committed');
    expect(await versionOf(old)).toBe(3);
    expect(await begin(old, options)).toBe('up-to-date');
    expect(await versionOf(old)).toBe(3);
  }, 120_000);

  it('waits for a writer whose session has a marker, and takes in what it commits', async () => {
    const virtual = await oldRepository(1);
    await using late = await virtual.open('writer');
    await using writer = late.newWriter();
    const objectID = await writer.writeObject(new Uint8Array(25 * 1024 * 1024).fill(7));
    await writer.writeObject(new Uint8Array(10).fill(8));
    await vi.waitFor(async () => expect(await virtual.names('s')).toHaveLength(1));
    let isCommitted = false;
    const outcome = await begin(virtual, {
      targetVersion: 2,
      waitsForWritersOnly: true,
      sleep: async (milliseconds, signal) => {
        if (!isCommitted) await writer.flush();
        isCommitted = true;
        await virtual.time.sleep(milliseconds, signal);
      },
    });
    expect([outcome, isCommitted]).toEqual(['committed', true]);
    await using repository = await virtual.open();
    await using object = await repository.openObject(objectID);
    expect(object.length).toBe(25 * 1024 * 1024);
  });

  it('ends when somebody takes the lock away while it waits', async () => {
    const virtual = await oldRepository(1);
    const upgrade = begin(virtual, {
      sleep: async () => {
        await rollBack(virtual);
      },
    });
    await expect(upgrade).rejects.toThrow(expect.objectContaining({ code: 'ABORTED' }));
    expect(await versionOf(virtual)).toBe(1);
  });

  it('takes in what a client commits while it waits', async () => {
    const virtual = await oldRepository(1);
    await using late = await virtual.open('writer');
    let objectID: string | undefined;
    const outcome = await begin(virtual, {
      sleep: async (milliseconds, signal) => {
        if (objectID === undefined) {
          await using writer = late.newWriter();
          objectID = await writer.writeObject(new TextEncoder().encode(uniqueText('late')));
          await writer.flush();
        }
        await virtual.time.sleep(milliseconds, signal);
      },
    });
    expect(outcome).toBe('committed');
    await using repository = await virtual.open();
    const ids = [...repository.contents.iterateContents()].map(({ contentID }) => contentID);
    expect(ids).toContain(objectID);
  });

  it('deletes copies of the format that earlier upgrades left, which a later rollback would take', async () => {
    const virtual = await oldRepository(1);
    await virtual.storage.putBlob(
      parseBlobID('kopia.repository.backup.long-ago'),
      new Uint8Array(3),
    );
    await begin(virtual, { stopAfter: 'lock' });
    expect(await virtual.names('kopia.repository.backup.')).toEqual([
      `kopia.repository.backup.${OWNER}`,
    ]);
  });

  it('starts from nothing where an earlier one left epochs behind', async () => {
    const virtual = await oldRepository(1);
    await begin(virtual, { stopAfter: 'validation' });
    const left = await virtual.names('x');
    expect(left).toHaveLength(1);
    const blob = await virtual.storage.getBlob(parseBlobID(left[0]!));
    await rollBack(virtual);
    expect(await virtual.names('x')).toEqual([]);
    // As Kopia leaves it.
    await virtual.storage.putBlob(parseBlobID(left[0]!), blob);
    const [dropped] = [...(await virtual.read()).keys()];
    await virtual.deleteSnapshot({ id: dropped } as Parameters<typeof virtual.deleteSnapshot>[0]);
    for (let i = 0; i < 4; i++) {
      virtual.time.advance(2n * DAY);
      await virtual.maintain();
    }
    const expected = await virtual.read();
    await begin(virtual);
    await expectSound(virtual, expected);
    await using repository = await virtual.open();
    const packs = new Set(await virtual.names(''));
    for (const { packBlobID } of repository.contents.iterateContents({ includeDeleted: true })) {
      expect(packs).toContain(packBlobID);
    }
  });

  it('is refused a way back that would lose what its owner stored meanwhile', async () => {
    const virtual = await oldRepository(1);
    await begin(virtual, { stopAfter: 'validation' });
    expect(await validateUpgrade(await environment(virtual, virtual.storage))).toMatchObject({
      missing: 0,
      added: 0,
      changed: 0,
    });
    {
      const { time, algorithms, storage } = virtual;
      const { clock, sleep } = time;
      const open = { password: 'virtual', algorithms, clock, sleep, storage };
      await using repository = await openRepository({ ...open, upgradeOwnerID: OWNER });
      await using writer = repository.newWriter();
      await writer.writeObject(new TextEncoder().encode('by the owner'));
      await writer.flush();
    }
    await expect(rollBack(virtual)).rejects.toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
    expect(await validateUpgrade(await environment(virtual, virtual.storage))).toMatchObject({
      missing: 0,
      added: 1,
    });
    await expect(begin(virtual)).rejects.toThrow(expect.objectContaining({ code: 'CORRUPT_DATA' }));
    expect(await begin(virtual, { commitDifferences: true })).toBe('committed');
  });

  it('that was never begun is not taken back', async () => {
    const virtual = await oldRepository(1);
    const nothing = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    await expect(rollBack(virtual)).rejects.toThrow(nothing);
    await begin(virtual);
    await expect(rollBack(virtual)).rejects.toThrow(nothing);
    expect(await validateUpgrade(await environment(virtual, virtual.storage))).toBeUndefined();
  });

  it.each(['rollback', 'begin'] as const)(
    'that Kopia took back after its commit had begun is mended by %s',
    async (command) => {
      const virtual = await oldRepository(1);
      const expected = await virtual.read();
      const format = await virtual.storage.getBlob(FORMAT);
      await begin(virtual, { stopAfter: 'validation' });
      await virtual.storage.putBlob(parseBlobID(POISON), new Uint8Array(10));
      await virtual.storage.putBlob(FORMAT, format);
      await expect(virtual.open()).rejects.toThrow(
        expect.objectContaining({ code: 'UNSUPPORTED' }),
      );
      if (command === 'begin') expect(await begin(virtual)).toBe('committed');
      else expect(await rollBack(virtual)).toBe('mended');
      expect(await versionOf(virtual)).toBe(command === 'begin' ? 3 : 1);
      await expectSound(virtual, expected);
    },
  );

  it('survives a format from before it, as a copy in an old pack has it', async () => {
    const virtual = await oldRepository(1);
    const format = await virtual.storage.getBlob(FORMAT);
    await begin(virtual);
    const later = await virtual.snapshot({ later: uniqueText('after') }, '/after');
    const expected = await virtual.read();
    expect([...expected.keys()]).toContain(later.id);
    await virtual.storage.putBlob(FORMAT, format);
    const outdated = expect.objectContaining({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('repository upgrade begin'),
    });
    await expect(virtual.open()).rejects.toThrow(outdated);
    await expect(rollBack(virtual)).rejects.toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
    expect(await begin(virtual)).toBe('committed');
    await expectSound(virtual, expected);
  });

  it('does not go on where the old index is marked as outdated and there is no new one', async () => {
    const virtual = await oldRepository(1);
    const expected = await virtual.read();
    await virtual.storage.putBlob(parseBlobID(POISON), new Uint8Array(10));
    await expect(begin(virtual)).rejects.toThrow(expect.objectContaining({ code: 'CORRUPT_DATA' }));
    expect(await rollBack(virtual)).toBe('rolled-back');
    await expectSound(virtual, expected);
  });
});

describe('a client that slept through an upgrade', () => {
  it('does not commit to indexes that nobody reads any more', async () => {
    const virtual = await oldRepository(1);
    const expected = await virtual.read();
    await using asleep = await virtual.open('writer');
    await using writer = asleep.newWriter();
    await writer.writeObject(new TextEncoder().encode('before the sleep'));
    await begin(virtual);
    const outdated = expect.objectContaining({ code: 'UNSUPPORTED' });
    await expect(writer.flush()).rejects.toThrow(outdated);
    await expect(asleep.refresh()).rejects.toThrow(outdated);
    await expectSound(virtual, expected);
  });
});

describe('an upgrade that is held up', () => {
  const aborted = expect.objectContaining({ code: 'ABORTED' });

  /** What `meanwhile` does happens before the mark is put, once the lock was looked at. */
  function heldUp(virtual: VirtualRepository, meanwhile: () => Promise<unknown>): BlobStorage {
    return decorateStorage(virtual.storage, {
      putBlob: async (id, ...rest) => {
        if (id === POISON) await meanwhile();
        return virtual.storage.putBlob(id, ...rest);
      },
    });
  }

  it('before its commit stores nothing where somebody has taken it back', async () => {
    const virtual = await oldRepository(1);
    const expected = await virtual.read();
    const storage = heldUp(virtual, () => rollBack(virtual));
    await expect(begin(virtual, { storage })).rejects.toThrow(aborted);
    expect(await versionOf(virtual)).toBe(1);
    expect(await virtual.names(POISON)).toEqual([]);
    await expectSound(virtual, expected);
  });

  it('before its commit stores nothing where somebody has half taken it back', async () => {
    const virtual = await oldRepository(1);
    const expected = await virtual.read();
    const broken = decorateStorage(virtual.storage, {
      deleteBlob: async () => {
        throw new Error('stopped');
      },
    });
    const storage = heldUp(virtual, () => rollBack(virtual, broken).catch(() => undefined));
    await expect(begin(virtual, { storage })).rejects.toThrow(aborted);
    expect(await virtual.names(POISON)).toEqual([]);
    const { upgradeLock } = (await environment(virtual, virtual.storage)).formatManager;
    expect(upgradeLock?.ownerID).toBe(OWNER);
    expect(await rollBack(virtual)).toBe('rolled-back');
    await expectSound(virtual, expected);
  });

  it('before its commit stores nothing where it was taken back and begun again', async () => {
    const virtual = await oldRepository(1);
    const expected = await virtual.read();
    const storage = heldUp(virtual, async () => {
      await rollBack(virtual);
      virtual.time.advance(HOUR);
      await begin(virtual, { stopAfter: 'lock' });
    });
    await expect(begin(virtual, { storage })).rejects.toThrow(aborted);
    expect(await virtual.names(POISON)).toEqual([]);
    expect(await begin(virtual)).toBe('committed');
    await expectSound(virtual, expected);
  });

  it('before its commit stores nothing where the new index is gone', async () => {
    const virtual = await oldRepository(1);
    const expected = await virtual.read();
    const storage = heldUp(virtual, async () => {
      for (const name of await virtual.names('x')) {
        await virtual.storage.deleteBlob(parseBlobID(name));
      }
    });
    const lost = expect.objectContaining({ code: 'CORRUPT_DATA' });
    await expect(begin(virtual, { storage })).rejects.toThrow(lost);
    expect(await rollBack(virtual)).toBe('rolled-back');
    await expectSound(virtual, expected);
  });

  it('for more than a minute after its last look at the lock is begun again', async () => {
    const virtual = await oldRepository(1);
    const expected = await virtual.read();
    let isMarked = false;
    const storage = decorateStorage(virtual.storage, {
      putBlob: async (id, ...rest) => {
        isMarked ||= id === POISON;
        return virtual.storage.putBlob(id, ...rest);
      },
      getBlob: async (id, ...rest) => {
        const bytes = await virtual.storage.getBlob(id, ...rest);
        if (isMarked && id === FORMAT) virtual.time.advance(61n * 1_000_000_000n);
        return bytes;
      },
    });
    await expect(begin(virtual, { storage })).rejects.toThrow(aborted);
    const { upgradeLock } = (await environment(virtual, virtual.storage)).formatManager;
    expect(upgradeLock?.ownerID).toBe(OWNER);
    expect(await begin(virtual)).toBe('committed');
    await expectSound(virtual, expected);
  });

  it('before it migrates does not delete an index that counts by now', async () => {
    const virtual = await oldRepository(1);
    const expected = await virtual.read();
    let migrated: readonly string[] = [];
    const storage = decorateStorage(virtual.storage, {
      getMetadata: async (id, ...rest) => {
        if (id === POISON && migrated.length === 0) {
          await begin(virtual, { stopAfter: 'validation' });
          migrated = await virtual.names('x');
        }
        return virtual.storage.getMetadata(id, ...rest);
      },
    });
    const refused = expect.objectContaining({ code: 'UNSUPPORTED' });
    await expect(begin(virtual, { storage })).rejects.toThrow(refused);
    expect(migrated).not.toEqual([]);
    expect(await virtual.names('x')).toEqual(migrated);
    expect(await begin(virtual)).toBe('committed');
    await expectSound(virtual, expected);
  });
});
