import { NANOSECONDS_PER_SECOND, type OpenWritableRepository } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { DirEntry } from '../dir-manifest.ts';
import { EMPTY_STATS } from '../snapshot-manifest.ts';
import { saveSnapshot } from '../snapshot-store.ts';
import { commitTree, createTestRepository, dir, file, link } from '../tree-fixture.ts';
import { findMountedNode, type MountedDirectory, type MountedNode } from './mounted-node.ts';
import { mountAllSources, mountEntry, type MountOptions } from './mount.ts';

const SECOND = NANOSECONDS_PER_SECOND;
let repository: OpenWritableRepository;
let now: bigint;
const clock = (): bigint => now;

beforeEach(async () => {
  ({ repository } = await createTestRepository(nativeAlgorithms()));
  now = 0n;
});

async function names(directory: MountedNode | undefined): Promise<readonly string[]> {
  if (directory?.kind !== 'directory') throw new Error('no directory');
  return Array.from((await directory.list()).nodes(), ({ name }) => name);
}

async function textOf(node: MountedNode | undefined): Promise<string> {
  if (node?.kind !== 'file') throw new Error('no file');
  await using reader = await node.open();
  return new TextDecoder().decode(await reader.read({ offset: 0, length: reader.length }));
}

describe('a mounted directory', () => {
  async function mount(
    tree: DirEntry,
    options: Partial<MountOptions> = {},
  ): Promise<MountedDirectory> {
    return mountEntry(repository, tree, { clock, ...options });
  }

  it('shows its files and directories with size and time', async () => {
    const tree = dir({ d: dir({ f: file('deep', { mtime: 5n }) }), a: file('first') });
    const root = await mount(await commitTree(repository, tree));
    expect(await names(root)).toEqual(['d', 'a']);
    const deep = await findMountedNode(root, ['d', 'f']);
    expect(deep).toMatchObject({ kind: 'file', name: 'f', size: 4, mtime: 5n });
    expect(await textOf(deep)).toBe('deep');
    expect(await findMountedNode(root, [])).toBe(root);
  });

  it.each([[['x']], [['d', 'x']], [['a', 'x']], [['d', 'f', 'x']], [['..']], [['']]])(
    'has nothing at %j',
    async (path) => {
      const tree = dir({ d: dir({ f: file('deep') }), a: file('first') });
      expect(
        await findMountedNode(await mount(await commitTree(repository, tree)), path),
      ).toBeUndefined();
    },
  );

  it('leaves out symlinks, unsafe names and what it does not know, and counts them', async () => {
    const tree = dir([
      ['l', link('/etc/passwd')],
      ['..', file('up')],
      ['a/b', file('through')],
      ['\0', file('nul')],
      ['fifo', { type: 'p' }],
      ['lost', { type: 'f', objectID: undefined }],
      ['kept', file('kept')],
    ]);
    const root = await mount(await commitTree(repository, tree));
    expect(await names(root)).toEqual(['kept']);
    expect((await root.list()).omitted).toBe(6);
    expect(await findMountedNode(root, ['l'])).toBeUndefined();
    expect(await findMountedNode(root, ['a/b'])).toBeUndefined();
  });

  it('shows the last of two entries with one name', async () => {
    const tree = dir([
      ['\ufffd', file('1')],
      ['\ufffd', file('22')],
    ]);
    const root = await mount(await commitTree(repository, tree));
    expect(await names(root)).toEqual(['\ufffd']);
    expect(await textOf(await findMountedNode(root, ['\ufffd']))).toBe('22');
  });

  it('cannot be a file', async () => {
    await expect(mount(await commitTree(repository, file('x')))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('loads a directory once for all who ask at the same time, and keeps it', async () => {
    const opened = vi.spyOn(repository, 'openObject');
    const root = await mount(await commitTree(repository, dir({ a: file('a') })));
    await Promise.all([root.list(), root.list(), root.list()]);
    await root.list();
    expect(opened).toHaveBeenCalledTimes(1);
  });

  it.each([
    [{ maxCachedDirectories: 2 }, 4],
    [{ maxCachedDirectories: 3 }, 3],
    [{ maxCachedDirectories: 0 }, 6],
    [{ maxCachedEntries: 5 }, 4],
    [{ maxCachedEntries: 6 }, 3],
    [{ maxCachedEntries: 1 }, 6],
  ])('is forgotten beyond the limits %j', async (limits, loads) => {
    const d = dir({ 1: file('1'), 2: file('2') });
    const e = dir({ 3: file('3'), 4: file('4') });
    const root = await mount(await commitTree(repository, dir({ d, e })), limits);
    const opened = vi.spyOn(repository, 'openObject');
    // Root, d, root, e, root, d: each look begins at the root.
    for (const name of ['d', 'e', 'd']) {
      await names(await findMountedNode(root, [name]));
    }
    expect(opened).toHaveBeenCalledTimes(loads);
  });

  it('larger than the whole cache is kept until the next one is used', async () => {
    const root = await mount(await commitTree(repository, dir({ 1: file('1'), 2: file('2') })), {
      maxCachedEntries: 1,
    });
    const opened = vi.spyOn(repository, 'openObject');
    await root.list();
    await root.list();
    expect(opened).toHaveBeenCalledTimes(1);
  });

  it('that could not be loaded is tried again', async () => {
    const root = await mount(await commitTree(repository, dir({ a: file('a') })));
    vi.spyOn(repository, 'openObject').mockRejectedValueOnce(new Error('away'));
    await expect(root.list()).rejects.toThrow('away');
    expect(await names(root)).toEqual(['a']);
  });

  it('reads the repository anew once a minute while it is used, and lives with a failure', async () => {
    const onRefreshFailed = vi.fn<(error: unknown) => void>();
    const tree = await commitTree(repository, dir({ a: file('a') }));
    const root = await mount(tree, { onRefreshFailed });
    const refreshed = vi.spyOn(repository, 'refresh');
    now = 59n * SECOND;
    await root.list();
    expect(refreshed).not.toHaveBeenCalled();
    now = 60n * SECOND;
    refreshed.mockRejectedValueOnce(new Error('away'));
    await Promise.all([root.list(), findMountedNode(root, ['a'])]);
    expect(refreshed).toHaveBeenCalledTimes(1);
    expect(onRefreshFailed).toHaveBeenCalledTimes(1);
    now = 10n * SECOND;
    await root.list();
    expect(refreshed).toHaveBeenCalledTimes(2);
  });
});

describe('all sources', () => {
  async function save(
    source: { host: string; userName: string; path: string },
    startSecond: number,
    rootEntry: DirEntry | undefined,
    incomplete?: string,
  ): Promise<void> {
    await using writer = repository.newWriter();
    const startTime = BigInt(startSecond) * SECOND;
    await saveSnapshot(writer, {
      source,
      description: '',
      startTime,
      endTime: startTime,
      stats: EMPTY_STATS,
      incomplete,
      rootEntry,
      tags: {},
      pins: [],
    });
    await writer.flush();
  }
  const ME = { host: 'h', userName: 'me', path: '/home/me' };

  it('are arranged by owner, path and time', async () => {
    const tree = await commitTree(repository, dir({ a: file('a') }));
    await save(ME, 86_400, tree);
    await save(ME, 0, tree, 'checkpoint');
    await save({ ...ME, path: '/' }, 7, tree);
    await save({ ...ME, userName: 'Me', path: '/x' }, 8, tree);
    const root = await mountAllSources(repository, { clock });
    expect(root.mtime).toBe(86_400n * SECOND);
    expect(await names(root)).toEqual(['Me@h', 'me@h (2)']);
    const mine = await findMountedNode(root, ['me@h (2)']);
    expect(await names(mine)).toEqual(['__root', 'home_me']);
    expect(await names(await findMountedNode(root, ['me@h (2)', 'home_me']))).toEqual([
      '19700101-000000 (checkpoint)',
      '19700102-000000',
    ]);
    const a = await findMountedNode(root, ['me@h (2)', 'home_me', '19700102-000000', 'a']);
    expect(await textOf(a)).toBe('a');
  });

  it('keep apart snapshots of one second, and hide those without a root', async () => {
    const tree = await commitTree(repository, dir({ a: file('a') }));
    await save(ME, 0, tree);
    await save(ME, 0, tree);
    await save(ME, 1, undefined);
    const root = await mountAllSources(repository, { clock });
    expect(await names(await findMountedNode(root, ['me@h', 'home_me']))).toEqual([
      '19700101-000000',
      '19700101-000000 (2)',
    ]);
  });

  it('show the snapshot of a file as a directory with that file', async () => {
    const entry = await commitTree(repository, file('alone'));
    await save({ ...ME, path: '/home/me/one.txt' }, 0, { ...entry, name: 'one.txt' });
    const root = await mountAllSources(repository, { clock });
    const path = ['me@h', 'home_me_one.txt', '19700101-000000', 'one.txt'];
    expect(await textOf(await findMountedNode(root, path))).toBe('alone');
  });

  it('show new snapshots when the repository has been read anew', async () => {
    const root = await mountAllSources(repository, { clock });
    expect(await names(root)).toEqual([]);
    await save(ME, 0, await commitTree(repository, dir({})));
    expect(await names(root)).toEqual([]);
    now = 60n * SECOND;
    expect(await names(root)).toEqual(['me@h']);
  });

  it('that could not be listed are tried again', async () => {
    const root = await mountAllSources(repository, { clock });
    now = 60n * SECOND;
    vi.spyOn(repository, 'findManifests').mockRejectedValueOnce(new Error('away'));
    await expect(root.list()).rejects.toThrow('away');
    expect(await names(root)).toEqual([]);
  });
});
