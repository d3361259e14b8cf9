import {
  loadSchedule,
  runMaintenance,
  storeSchedule,
  type MaintenanceLock,
  type MaintenanceSchedule,
  type OpenWritableRepository,
} from '@longshore/repo';
import { maintainRepository, type MaintainOptions } from '@longshore/snapshot';
import { beforeEach, describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND, uniqueText, VirtualRepository } from './virtual-repository.ts';

let virtual: VirtualRepository;

beforeEach(async () => {
  virtual = await VirtualRepository.create();
});

async function run(options: MaintainOptions, user = 'owner'): Promise<string> {
  await using repository = await virtual.open(user);
  const result = await maintainRepository(repository, options);
  return result.mode ?? result.skipped;
}

async function schedule(): Promise<MaintenanceSchedule> {
  await using repository = await virtual.open();
  return loadSchedule(virtual.storage, repository.formatManager);
}

describe('maintenance', () => {
  it('is due in full at first, then quick each hour and full each day', async () => {
    const modes: string[] = [];
    for (let half = 0; half < 50; half++) {
      modes.push(await run({}));
      virtual.time.advance(31n * MINUTE);
    }
    expect(modes.slice(0, 5)).toEqual(['full', 'not-due', 'quick', 'not-due', 'quick']);
    expect(modes.filter((mode) => mode === 'full')).toHaveLength(2);
  });

  it('belongs to its owner alone', async () => {
    expect(await run({}, 'stranger')).toBe('not-owner');
    await expect(run({ mode: 'quick' }, 'stranger')).rejects.toMatchObject({
      code: 'NOT_MAINTENANCE_OWNER',
      message: expect.stringContaining('owner@host'),
    });
    expect(await virtual.names('kopia.maintenance')).toEqual([]);
    expect(await run({ mode: 'quick', force: true }, 'stranger')).toBe('quick');
  });

  it('runs once at a time where a lock says so', async () => {
    let held = false;
    const lock: MaintenanceLock = {
      async tryAcquire() {
        if (held) return undefined;
        held = true;
        return {
          async [Symbol.asyncDispose]() {
            held = false;
          },
        };
      },
    };
    const options = { mode: 'full', lock } as const;
    const modes = await Promise.all([run(options), run(options)]);
    expect(modes.toSorted()).toEqual(['already-running', 'full']);
    expect(held).toBe(false);
  });

  it('records the tasks of both modes in order, with the kinds of figures that Kopia has', async () => {
    await run({ mode: 'full', safety: 'none' });
    const { runs } = await schedule();
    expect([...runs.keys()].toSorted()).toEqual([
      'advance-epoch',
      'cleanup-epoch-markers',
      'cleanup-logs',
      'compact-single-epoch',
      'delete-superseded-epoch-indexes',
      'full-delete-blobs',
      'full-drop-deleted-content',
      'full-rewrite-contents',
      'generate-epoch-range-index',
      'snapshot-gc',
    ]);
    await run({ mode: 'quick' });
    const after = (await schedule()).runs;
    expect(after.get('compact-single-epoch')).toHaveLength(2);
    expect(after.get('advance-epoch')).toHaveLength(2);
    expect(after.get('snapshot-gc')).toHaveLength(1);
    expect(after.get('compact-single-epoch')![0]!.extra).toEqual([
      { kind: 'compactSingleEpochStats', data: null },
    ]);
  });

  it('plans the next run before it does anything, and records what failed', async () => {
    const snapshot = await virtual.snapshot({ a: uniqueText('a') });
    await virtual.damageDirectory();
    await expect(run({ mode: 'full' })).rejects.toThrow(snapshot.id);
    const { nextFullMaintenance, runs } = await schedule();
    expect(nextFullMaintenance! - virtual.time.clock()).toBeGreaterThan(DAY - MINUTE);
    const [failed] = runs.get('snapshot-gc')!;
    expect(failed).toMatchObject({ success: false, error: expect.stringContaining(snapshot.id) });
    expect(runs.size).toBe(1);
  });

  it('keeps what another client recorded meanwhile', async () => {
    await using repository = await virtual.open();
    const add = async (): Promise<void> => {
      const { formatManager } = repository;
      const stored = await loadSchedule(virtual.storage, formatManager);
      const other = { start: 1n, end: 2n, success: true, error: '', extra: [] };
      const runs = new Map(stored.runs).set('from-elsewhere', [other]);
      await storeSchedule(virtual.storage, formatManager, { ...stored, runs });
    };
    await runMaintenance(repository, {
      mode: 'full',
      snapshotGC: async () => {
        await add();
        return { kind: 'snapshotGCStats', data: null };
      },
    });
    const { runs } = await schedule();
    expect(runs.has('from-elsewhere')).toBe(true);
    expect(runs.has('cleanup-logs')).toBe(true);
  });

  it('stops on its signal and writes nothing more', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await using repository = await virtual.open();
    const stopped = maintainRepository(repository, {
      mode: 'full',
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === 'task-started') controller.abort(reason);
      },
    });
    await expect(stopped).rejects.toBe(reason);
    expect((await schedule()).runs.size).toBe(0);
  });

  it('refuses a repository that was upgraded while it was open', async () => {
    const legacy = await VirtualRepository.create({ version: 1 });
    await using repository = await legacy.open();
    Object.defineProperty(repository, 'indexBlobs', { value: { style: 'epoch' } });
    const refused = maintainRepository(repository, { mode: 'quick' });
    await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(await legacy.names('kopia.maintenance')).toEqual([]);
  });
});

describe('the collection of contents', () => {
  async function deletedFiles(repository: OpenWritableRepository): Promise<number> {
    await repository.refresh();
    const files = repository.contents.iterateContents({ prefix: '', includeDeleted: true });
    return [...files].filter(({ deleted }) => deleted).length;
  }

  it('marks what is 24 hours old when maintenance begins, to the second', async () => {
    const expired = await virtual.snapshot({ a: uniqueText('a') });
    await using repository = await virtual.open();
    const [info] = repository.contents.iterateContents({ prefix: '' });
    await virtual.deleteSnapshot(expired);
    const ripe = BigInt(info!.timestampSeconds) * SECOND + DAY;
    virtual.time.advance(ripe - virtual.time.clock() - SECOND);
    await run({ mode: 'full' });
    expect(await deletedFiles(repository)).toBe(0);
    virtual.time.advance(ripe - virtual.time.clock());
    await run({ mode: 'full' });
    expect(await deletedFiles(repository)).toBe(1);
  });

  it('leaves contents of snapshots and of manifests alone', async () => {
    await virtual.snapshot({ a: uniqueText('a') });
    await using repository = await virtual.open();
    const before = [...repository.contents.iterateContents()].length;
    virtual.time.advance(30n * DAY);
    await run({ mode: 'full' });
    virtual.time.advance(HOUR * 5n);
    await run({ mode: 'full' });
    await repository.refresh();
    expect([...repository.contents.iterateContents({ includeDeleted: true })]).toHaveLength(before);
  });
});

describe('object locks', () => {
  it('are extended for all blobs that carry one, if the parameters say so', async () => {
    const retention = { mode: 'GOVERNANCE', periodNanoseconds: 30n * DAY } as const;
    virtual = await VirtualRepository.create({
      create: { retention },
      parameters: { extendObjectLocks: true },
    });
    await virtual.snapshot({ a: uniqueText('a') });
    virtual.time.advance(10n * DAY);
    await run({ mode: 'full' });
    const now = virtual.time.clock();
    for await (const { id } of virtual.storage.listBlobs('')) {
      const until = virtual.storage.lockOf(id)?.retainUntil;
      if (/^(?:[pqx]|kopia\.(?:repository|blobcfg))/.test(id)) {
        expect([id, until! > now + 29n * DAY]).toEqual([id, true]);
      } else expect([id, until]).toEqual([id, undefined]);
    }
    const [extension] = (await schedule()).runs.get('extend-blob-retention-time')!;
    expect(extension!.extra).toEqual([
      {
        kind: 'extendBlobRetentionStats',
        data: {
          toExtendBlobCount: expect.any(Number),
          extendedBlobCount: expect.any(Number),
          retentionPeriod: '720h0m0s',
        },
      },
    ]);
  });
});
