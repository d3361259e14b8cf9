import {
  hasCode,
  LongshoreError,
  objectReference,
  writeSession,
  type MemoryStorage,
  type OpenWritableRepository,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { DirEntry } from '../dir-manifest.ts';
import { DEFAULT_POLICY, EMPTY_POLICY } from '../policy/policy.ts';
import { getPolicy, setPolicy } from '../policy/policy-store.ts';
import { EMPTY_STATS, type SnapshotDraft } from '../snapshot-manifest.ts';
import { listSnapshots, saveSnapshot } from '../snapshot-store.ts';
import { GLOBAL_SOURCE, type SourceInfo } from '../source-info.ts';
import {
  commitTree,
  createTestRepository,
  dir,
  file,
  link,
  type TreeNode,
} from '../tree-fixture.ts';
import { walkSnapshot } from '../tree-walker.ts';
import {
  migratePolicies,
  migrateSnapshots,
  type MigrateEvent,
  type MigrateOptions,
} from './migrate-snapshots.ts';

const SOURCE: SourceInfo = { host: 'h', userName: 'u', path: '/p' };

let from: OpenWritableRepository;
let fromStorage: MemoryStorage;
let to: OpenWritableRepository;

beforeEach(async () => {
  const source = await createTestRepository(nativeAlgorithms());
  const destination = await createTestRepository(nativeAlgorithms(), { splitter: 'FIXED-128K' });
  from = source.repository;
  fromStorage = source.storage;
  to = destination.repository;
});

async function snapshotOf(
  tree: TreeNode,
  startTime: bigint,
  more: Partial<SnapshotDraft> = {},
): Promise<DirEntry> {
  const rootEntry = await commitTree(from, tree);
  await writeSession(from, {}, (writer) =>
    saveSnapshot(writer, {
      source: SOURCE,
      description: 'described',
      startTime,
      endTime: startTime + 5n,
      stats: EMPTY_STATS,
      rootEntry,
      tags: { 'tag:a': 'b' },
      pins: ['keep'],
      ...more,
    }),
  );
  return rootEntry;
}

async function migrate(options: Partial<MigrateOptions> = {}): Promise<readonly MigrateEvent[]> {
  const events: MigrateEvent[] = [];
  await migrateSnapshots(from, to, {
    sources: [SOURCE],
    ...options,
    onEvent: (event) => events.push(event),
  });
  return events;
}

function typesOf(events: readonly MigrateEvent[]): readonly string[] {
  return events.map(({ type }) => type).filter((type) => type !== 'upload');
}

const TREE = dir({
  small: file('small', { mode: 0o600, uid: 3, gid: 4 }),
  large: file('0123456789'.repeat(100_000)),
  empty: file(''),
  l: link('small'),
  sub: dir({ deep: file('deep') }, { mtime: 77n }),
});

describe('a migrated snapshot', () => {
  it('has the entries, times, description, tags and pins of the one it was', async () => {
    const root = await snapshotOf(TREE, 1000n);
    expect(typesOf(await migrate())).toEqual(['started', 'migrated']);
    const [saved, ...others] = await listSnapshots(to, SOURCE);
    expect(others).toEqual([]);
    expect(saved).toMatchObject({
      startTime: 1000n,
      endTime: 1005n,
      description: 'described',
      tags: { 'tag:a': 'b' },
      pins: ['keep'],
    });
    const metadata = async (repository: typeof from, entry: DirEntry) =>
      (await Array.fromAsync(walkSnapshot(repository, entry))).map((walked) => {
        const { objectID: _, summary, ...rest } = walked.entry;
        return { path: walked.path, ...rest, files: summary?.files, size: summary?.size };
      });
    expect(new Set(await metadata(to, saved!.rootEntry!))).toEqual(
      new Set(await metadata(from, root)),
    );
    await using reader = await to.openObject(
      (await Array.fromAsync(walkSnapshot(to, saved!.rootEntry!))).find(
        ({ path }) => path === 'large',
      )!.entry.objectID!,
    );
    const bytes = await reader.read({ offset: 0, length: reader.length });
    expect(new TextDecoder().decode(bytes)).toBe('0123456789'.repeat(100_000));
  });

  it('is not migrated twice, and takes unchanged files from the one before', async () => {
    await snapshotOf(TREE, 1000n);
    await snapshotOf(dir({ small: file('small', { mode: 0o600, uid: 3, gid: 4 }) }), 2000n);
    const first = await migrate();
    expect(typesOf(first)).toEqual(['started', 'migrated', 'started', 'migrated']);
    const cached = first.flatMap((event) =>
      event.type === 'upload' && event.event.type === 'file-cached' ? event.event.path : [],
    );
    expect(cached).toEqual(['small']);
    expect(typesOf(await migrate())).toEqual(['existing', 'existing']);
    expect(await listSnapshots(to)).toHaveLength(2);
  });

  it('is only the latest one if that is asked for, and never an incomplete one', async () => {
    await snapshotOf(TREE, 1000n);
    await snapshotOf(TREE, 2000n);
    expect(typesOf(await migrate({ latestOnly: true }))).toEqual(['started', 'migrated']);
    await snapshotOf(TREE, 3000n, { incomplete: 'checkpoint' });
    expect(typesOf(await migrate())).toEqual(['started', 'migrated', 'existing', 'incomplete']);
  });

  it('may be a single file', async () => {
    await snapshotOf(file('alone'), 1000n);
    await migrate();
    const [saved] = await listSnapshots(to);
    expect(saved?.rootEntry).toMatchObject({ type: 'f', size: 5, summary: { files: 1 } });
  });

  it('follows the ignore rules of the receiving repository only if that is asked for', async () => {
    const tree = dir({ '.kopiaignore': file('*.log\n'), 'a.log': file('a'), b: file('b') });
    await writeSession(to, {}, (writer) => setPolicy(writer, GLOBAL_SOURCE, DEFAULT_POLICY));
    await snapshotOf(tree, 1000n);
    await migrate();
    await snapshotOf(tree, 2000n);
    await migrate({ applyIgnoreRules: true });
    const names = (await listSnapshots(to)).map(({ rootEntry }) => rootEntry?.summary?.files);
    expect(names).toEqual([3, 2]);
  });
});

describe('what a migration cannot read', () => {
  it('is recorded as a failed entry where it is damaged', async () => {
    const lost = await commitTree(from, file('lost'));
    await snapshotOf(dir({ lost: file('lost'), good: file('good') }), 1000n);
    const info = from.contents.contentInfo(objectReference(lost.objectID!).contentID)!;
    await fromStorage.deleteBlob(info.packBlobID);
    await migrate();
    const [saved] = await listSnapshots(to);
    expect(saved?.rootEntry?.summary).toMatchObject({
      files: 1,
      numFailed: 1,
      errors: [{ path: 'lost' }],
    });
  });

  it('ends the source, and saves nothing of it, where the storage does not answer', async () => {
    await snapshotOf(TREE, 1000n);
    vi.spyOn(fromStorage, 'getBlob').mockRejectedValue(
      new LongshoreError('STORAGE_FAILED', 'timeout'),
    );
    const failed = (await migrate()).at(-1);
    expect(failed).toMatchObject({ type: 'source-failed', source: SOURCE });
    expect(failed?.type === 'source-failed' && hasCode(failed.error, 'STORAGE_FAILED')).toBe(true);
    expect(await listSnapshots(to)).toEqual([]);
  });
});

describe('migrated policies', () => {
  it('leave those that are there alone, unless they are to be replaced', async () => {
    const ours = { ...EMPTY_POLICY, retention: { keepLatest: 3 } };
    const theirs = { ...EMPTY_POLICY, retention: { keepLatest: 9 } };
    await writeSession(from, {}, async (writer) => {
      await setPolicy(writer, GLOBAL_SOURCE, theirs);
      await setPolicy(writer, SOURCE, theirs);
    });
    await writeSession(to, {}, (writer) => setPolicy(writer, GLOBAL_SOURCE, ours));
    const kept = async (): Promise<readonly unknown[]> =>
      [await getPolicy(to, GLOBAL_SOURCE), await getPolicy(to, SOURCE)].map(
        (each) => each?.policy.retention.keepLatest,
      );
    await writeSession(to, {}, (writer) => migratePolicies(from, writer));
    expect(await kept()).toEqual([3, 9]);
    await writeSession(to, {}, (writer) => migratePolicies(from, writer, { overwrite: true }));
    expect(await kept()).toEqual([9, 9]);
  });
});
