import {
  decodeUtf8,
  LongshoreError,
  objectReference,
  writeSession,
  type MemoryStorage,
  type ObjectID,
  type OpenWritableRepository,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeDirManifest, type DirEntry } from '../dir-manifest.ts';
import { DirManifestBuilder } from '../dir-manifest-builder.ts';
import { readEntryDirectory } from '../repository-entry.ts';
import { EMPTY_STATS, type SnapshotManifest } from '../snapshot-manifest.ts';
import { listSnapshots, saveSnapshot } from '../snapshot-store.ts';
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
  fixInvalidFiles,
  removeFiles,
  type FixEvent,
  type InvalidFilesOptions,
  type RemoveFilesOptions,
} from './fix-snapshots.ts';

let repository: OpenWritableRepository;
let storage: MemoryStorage;

beforeEach(async () => {
  ({ repository, storage } = await createTestRepository(nativeAlgorithms()));
});

async function snapshotOf(tree: TreeNode | DirEntry): Promise<SnapshotManifest> {
  const rootEntry = 'name' in tree ? tree : await commitTree(repository, tree);
  return writeSession(repository, {}, (writer) =>
    saveSnapshot(writer, {
      source: { host: 'h', userName: 'u', path: '/p' },
      description: '',
      startTime: 1n,
      endTime: 2n,
      stats: EMPTY_STATS,
      rootEntry,
      tags: {},
      pins: [],
    }),
  );
}

type Options = Partial<InvalidFilesOptions & RemoveFilesOptions>;

async function fix(
  kind: typeof fixInvalidFiles | typeof removeFiles,
  options: Options = {},
): Promise<{ readonly events: readonly FixEvent[]; readonly after: SnapshotManifest }> {
  const events: FixEvent[] = [];
  const snapshots = await listSnapshots(repository);
  await writeSession(repository, {}, (writer) =>
    kind(writer, { snapshots, commit: true, ...options, onEvent: (event) => events.push(event) }),
  );
  return { events, after: (await listSnapshots(repository))[0]! };
}

async function pathsOf({ rootEntry }: SnapshotManifest): Promise<readonly string[]> {
  const walked = await Array.fromAsync(walkSnapshot(repository, rootEntry!));
  return walked.map(({ path }) => path).filter((path) => path !== '');
}

async function childOf(
  { rootEntry }: SnapshotManifest,
  wanted: string,
): Promise<DirEntry | undefined> {
  const { entries } = await readEntryDirectory(repository, rootEntry!);
  return entries.find(({ name }) => name === wanted);
}

/** Takes away the pack of an object that was committed alone. */
async function losePackOf(id: ObjectID): Promise<void> {
  const { packBlobID } = repository.contents.contentInfo(objectReference(id).contentID)!;
  await storage.deleteBlob(packBlobID);
}

/** A tree of which `x` and `sub/x` lie in a pack that is lost. */
async function snapshotWithLostFile(): Promise<SnapshotManifest> {
  const lost = await commitTree(repository, file('lost bytes'));
  const snapshot = await snapshotOf(
    dir({
      good: file('good'),
      x: file('lost bytes', { mode: 0o640, uid: 7 }),
      sub: dir({ x: file('lost bytes'), y: file('y') }),
      clean: dir({ z: file('z') }),
    }),
  );
  await losePackOf(lost.objectID!);
  return snapshot;
}

describe('fixing invalid files', () => {
  it('leaves a sound snapshot alone', async () => {
    const before = await snapshotOf(dir({ a: file('a'), l: link('a'), d: dir({ b: file('b') }) }));
    const { events, after } = await fix(fixInvalidFiles, { verifyFilesPercent: 100 });
    expect(events.map(({ type }) => type)).toEqual(['snapshot-unchanged']);
    expect(after).toEqual(before);
  });

  it('puts a stub where a file is lost, and rebuilds the directories above', async () => {
    const before = await snapshotWithLostFile();
    const { events, after } = await fix(fixInvalidFiles);
    expect(await pathsOf(after)).toEqual([
      'clean',
      'clean/z',
      'sub',
      'sub/.INVALID.x',
      'sub/y',
      '.INVALID.x',
      'good',
    ]);
    expect(after.id).not.toBe(before.id);
    expect(events.filter(({ type }) => type === 'entry-invalid')).toHaveLength(2);
    const { entries, summary } = await readEntryDirectory(repository, after.rootEntry!);
    const stub = entries.find(({ name }) => name === '.INVALID.x')!;
    expect(stub).toMatchObject({ type: 'f', mode: 0o640, uid: 7, gid: 0 });
    await using reader = await repository.openObject(stub.objectID!);
    const text = decodeUtf8(await reader.read({ offset: 0, length: reader.length }), 'stub');
    expect(stub.size).toBe(reader.length);
    expect(text).toMatch(
      /^\{\n {6}"info": ".*",\n {6}"error": ".*",\n {6}"entry": \{\n {10}"name": "x",/,
    );
    expect(text.endsWith('\n      }\n  }\n')).toBe(true);
    expect(JSON.parse(text)).toMatchObject({
      entry: { name: 'x', type: 'f', mode: '0640', uid: 7 },
    });
    expect(after.rootEntry?.summary).toEqual(summary);
    expect(summary.files).toBe(5);
  });

  it('keeps the object of every directory in which nothing is lost', async () => {
    const before = await snapshotWithLostFile();
    const { after } = await fix(fixInvalidFiles);
    expect(await childOf(after, 'clean')).toEqual(await childOf(before, 'clean'));
  });

  it('gives exactly the directory that an upload without the file would have made', async () => {
    await snapshotWithLostFile();
    const { after } = await fix(fixInvalidFiles, { invalidFiles: 'remove' });
    const wanted = await commitTree(
      repository,
      dir({ clean: dir({ z: file('z') }), sub: dir({ y: file('y') }), good: file('good') }),
    );
    expect(after.rootEntry?.objectID).toBe(wanted.objectID);
    expect(after.rootEntry?.summary).toEqual(wanted.summary);
  });

  it('keeps lost files if asked to', async () => {
    const before = await snapshotWithLostFile();
    const { after } = await fix(fixInvalidFiles, { invalidFiles: 'keep' });
    expect(after).toEqual(before);
  });

  it('fails at a lost file if asked to, and changes nothing', async () => {
    const before = await snapshotWithLostFile();
    await expect(fix(fixInvalidFiles, { invalidFiles: 'fail' })).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
    });
    expect(await listSnapshots(repository)).toEqual([before]);
  });

  it('changes no manifest without a commit', async () => {
    const before = await snapshotWithLostFile();
    const { events, after } = await fix(fixInvalidFiles, { commit: false });
    expect(events.at(-1)).toMatchObject({ type: 'snapshot-fixed' });
    expect(after).toEqual(before);
  });

  it('puts a stub where a directory is lost', async () => {
    const lost = await commitTree(repository, dir({ a: file('a') }));
    await snapshotOf(
      dir({ d: { type: 'd', objectID: lost.objectID, mode: 0o750 }, good: file('good') }),
    );
    await losePackOf(lost.objectID!);
    const { after } = await fix(fixInvalidFiles);
    expect(await pathsOf(after)).toEqual(['.INVALID.d', 'good']);
  });

  it('makes the stub of a lost root the only file of the snapshot', async () => {
    const lost = await commitTree(repository, dir({ a: file('a') }));
    await snapshotOf(lost);
    await losePackOf(lost.objectID!);
    const { after } = await fix(fixInvalidFiles);
    expect(after.rootEntry).toMatchObject({
      name: '.INVALID.root',
      type: 'f',
      summary: { files: 1, dirs: 0, size: after.rootEntry?.size },
    });
  });

  it('finds flipped bits where files are read', async () => {
    const lost = await commitTree(repository, file('bits'));
    await snapshotOf(dir({ a: file('bits'), b: file('b') }));
    const info = repository.contents.contentInfo(objectReference(lost.objectID!).contentID)!;
    const bytes = await storage.getBlob(info.packBlobID);
    bytes[info.packOffset]! ^= 1;
    await storage.putBlob(info.packBlobID, bytes);
    expect((await fix(fixInvalidFiles)).events.map(({ type }) => type)).toEqual([
      'snapshot-unchanged',
    ]);
    const { after } = await fix(fixInvalidFiles, { verifyFilesPercent: 100 });
    expect(await pathsOf(after)).toEqual(['.INVALID.a', 'b']);
  });

  it('never calls a file lost because the storage does not answer', async () => {
    const before = await snapshotOf(dir({ a: file('a') }));
    vi.spyOn(storage, 'getBlob').mockRejectedValue(new LongshoreError('STORAGE_FAILED', 'timeout'));
    await expect(fix(fixInvalidFiles, { verifyFilesPercent: 100 })).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
    });
    vi.restoreAllMocks();
    expect(await listSnapshots(repository)).toEqual([before]);
  });

  it('remembers the errors that a rewritten directory itself had', async () => {
    const lost = await commitTree(repository, file('lost'));
    const builder = new DirManifestBuilder();
    builder.add({ ...lost, name: 'gone' });
    builder.addError({ path: 'never', error: 'no access' }, false);
    builder.addError({ path: 'ignored', error: 'no access' }, true);
    const manifest = builder.build(1n, 'checkpoint');
    const objectID = await writeSession(repository, {}, (writer) =>
      writer.writeObject(encodeDirManifest(manifest), { prefix: 'k' }),
    );
    const common = { name: 'root', mode: 0o755, size: 0, mtime: 1n, uid: 0, gid: 0 };
    await snapshotOf({ ...common, type: 'd', objectID, summary: manifest.summary });
    await losePackOf(lost.objectID!);
    const { after } = await fix(fixInvalidFiles, { invalidFiles: 'remove' });
    expect(after.rootEntry?.summary).toMatchObject({
      files: 0,
      incomplete: 'checkpoint',
      numFailed: 1,
      numIgnoredErrors: 1,
      errors: [{ path: 'ignored' }, { path: 'never' }],
    });
  });
});

describe('removing files', () => {
  it('takes entries out by pattern and by object, directories included', async () => {
    const secret = await commitTree(repository, file('secret'));
    await snapshotOf(
      dir({
        'a.log': file('1'),
        keep: file('2'),
        renamed: file('secret'),
        tmp: dir({ x: file('x') }),
        sub: dir({ 'b.log': file('3'), c: file('4') }),
      }),
    );
    const { events, after } = await fix(removeFiles, {
      names: ['*.log', 'tmp'],
      objectIDs: [secret.objectID!],
    });
    expect(await pathsOf(after)).toEqual(['sub', 'sub/c', 'keep']);
    const removed = events.flatMap((event) => (event.type === 'entry-removed' ? event.path : []));
    expect([...removed].sort()).toEqual(['a.log', 'renamed', 'sub/b.log', 'tmp']);
  });

  it('needs to know which', async () => {
    await expect(fix(removeFiles)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
