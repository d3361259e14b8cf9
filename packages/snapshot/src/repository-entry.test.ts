import { encodeUtf8, parseObjectID, type ObjectID } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { DirManifestBuilder } from './dir-manifest-builder.ts';
import { encodeDirManifest, type DirEntry } from './dir-manifest.ts';
import { FakeRepository } from './fake-repository.ts';
import {
  findEntry,
  openObjectEntry,
  readDirectory,
  readEntryDirectory,
} from './repository-entry.ts';
import { EMPTY_STATS } from './snapshot-manifest.ts';
import {
  findReferencedDirectory,
  findReferencedEntry,
  findSnapshotReference,
} from './snapshot-reference.ts';
import { saveSnapshot } from './snapshot-store.ts';
import { walkSnapshot, type WalkOptions } from './tree-walker.ts';

/** A file's length, or the entries of a directory. */
interface Tree {
  readonly [name: string]: number | Tree;
}

const TREE: Tree = { a: 1, d: { e: { f: 2 }, g: 3, é: { deep: { er: 4 } } }, h: {}, z: 5 };

function storeTree(repository: FakeRepository, name: string, tree: Tree): DirEntry {
  const builder = new DirManifestBuilder();
  for (const [child, content] of Object.entries(tree)) {
    builder.add(
      typeof content === 'number'
        ? fileEntry(child, content)
        : storeTree(repository, child, content),
    );
  }
  const manifest = builder.build(7n);
  const objectID = parseObjectID(`k${(repository.objects.size + 1).toString(16).padStart(8, '0')}`);
  repository.objects.set(objectID, encodeDirManifest(manifest));
  return { ...fileEntry(name, 0), type: 'd', objectID, summary: manifest.summary };
}

function fileEntry(name: string, size: number): DirEntry {
  const objectID = parseObjectID('00ff');
  return { name, type: 'f', mode: 0o644, size, mtime: 7n, uid: 0, gid: 0, objectID };
}

async function pathsOf(
  repository: FakeRepository,
  root: DirEntry,
  options: WalkOptions = {},
): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { path } of walkSnapshot(repository.writer, root, options)) paths.push(path);
  return paths;
}

describe('a directory object', () => {
  it('is read with its entries in order', async () => {
    const repository = new FakeRepository();
    const root = storeTree(repository, 'root', TREE);
    const { entries, summary } = await readEntryDirectory(repository.writer, root);
    expect(entries.map(({ name }) => name)).toEqual(['d', 'h', 'a', 'z']);
    expect(summary).toEqual(root.summary);
  });

  it('larger than the limit is refused before it is read', async () => {
    const repository = new FakeRepository();
    const { objectID } = storeTree(repository, 'root', TREE);
    await expect(
      readDirectory(repository.writer, objectID!, { maxStreamBytes: 100 }),
    ).rejects.toMatchObject({ code: 'UNSUPPORTED', facts: { objectID } });
  });

  it('that is none is damage, and names the object', async () => {
    const repository = new FakeRepository();
    const id = parseObjectID('kab');
    repository.objects.set(id, encodeUtf8('{"stream":"kopia:indirect"}'));
    await expect(readDirectory(repository.writer, id)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining('directory kab') as string,
    });
  });

  it('is not looked for in a file, nor behind an entry that has lost its own', async () => {
    const { writer } = new FakeRepository();
    const file = fileEntry('f', 1);
    await expect(readEntryDirectory(writer, file)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: '"f" is a file, not a directory',
    });
    const lost = { ...file, type: 'd', objectID: undefined };
    await expect(readEntryDirectory(writer, lost)).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
  });
});

describe('a path', () => {
  it.each([
    ['', 'root'],
    ['/', 'root'],
    ['a', 'a'],
    ['/d//e/f/', 'f'],
    ['d/é/deep/er', 'er'],
  ])('%j leads to %s', async (path, name) => {
    const repository = new FakeRepository();
    const root = storeTree(repository, 'root', TREE);
    expect((await findEntry(repository.writer, root, path)).name).toBe(name);
  });

  it.each(['x', 'd/x', 'a/b', 'd/e/f/g'])('%s leads nowhere', async (path) => {
    const repository = new FakeRepository();
    const root = storeTree(repository, 'root', TREE);
    await expect(findEntry(repository.writer, root, path)).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
      facts: { path },
    });
  });

  it('leads to the last of two entries with one name', async () => {
    const repository = new FakeRepository();
    const builder = new DirManifestBuilder();
    builder.add(fileEntry('\ufffd', 1));
    builder.add(fileEntry('\ufffd', 2));
    const objectID = parseObjectID('k01');
    repository.objects.set(objectID, encodeDirManifest(builder.build(0n)));
    const root = await openObjectEntry(repository.writer, objectID);
    const found = await findEntry(repository.writer, root, '\ufffd');
    expect(found.size).toBe(2);
  });
});

describe('a walk', () => {
  const ALL = ['', 'd', 'd/e', 'd/e/f', 'd/é', 'd/é/deep', 'd/é/deep/er', 'd/g', 'h', 'a', 'z'];

  it.each([1, 2, 4, 100])('visits every entry once, %i directories ahead', async (readAhead) => {
    const repository = new FakeRepository();
    const root = storeTree(repository, 'root', TREE);
    expect(await pathsOf(repository, root, { readAhead })).toEqual(ALL);
    expect(new Set(repository.opened).size).toBe(repository.opened.length);
  });

  it('does not load what it does not enter', async () => {
    const repository = new FakeRepository();
    const root = storeTree(repository, 'root', TREE);
    const paths = await pathsOf(repository, root, { enters: ({ path }) => path !== 'd' });
    expect(paths).toEqual(['', 'd', 'h', 'a', 'z']);
    expect(repository.opened.length).toBe(2);
    expect(await pathsOf(repository, root, { enters: () => false })).toEqual(['']);
  });

  it('of a file is that file', async () => {
    expect(await pathsOf(new FakeRepository(), fileEntry('f', 1))).toEqual(['']);
  });

  it('loads no more directories ahead than it may', async () => {
    const repository = new FakeRepository();
    const wide = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`d${i + 10}`, {}]));
    const root = storeTree(repository, 'root', wide);
    for await (const { path } of walkSnapshot(repository.writer, root, { readAhead: 3 })) {
      if (path === 'd11') break;
    }
    expect(repository.opened.length).toBe(1 + 3);
  });

  it('fails at a directory that cannot be loaded, after what comes before it', async () => {
    const repository = new FakeRepository();
    const root = storeTree(repository, 'root', TREE);
    const missing = await findEntry(repository.writer, root, 'd/é');
    repository.objects.delete(missing.objectID as ObjectID);
    const paths: string[] = [];
    const walk = async (): Promise<void> => {
      for await (const { path } of walkSnapshot(repository.writer, root)) paths.push(path);
    };
    await expect(walk()).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
    expect(paths).toEqual(['', 'd', 'd/e', 'd/e/f', 'd/é']);
  });

  it('stops when it is aborted', async () => {
    const repository = new FakeRepository();
    const root = storeTree(repository, 'root', TREE);
    const controller = new AbortController();
    const reason = new Error('enough');
    const walk = async (): Promise<void> => {
      for await (const { path } of walkSnapshot(repository.writer, root, controller)) {
        if (path === 'd/e') controller.abort(reason);
      }
    };
    await expect(walk()).rejects.toBe(reason);
  });
});

async function repositoryWithSnapshots(): Promise<FakeRepository> {
  const repository = new FakeRepository();
  const rootEntry = storeTree(repository, 'root', TREE);
  for (const [startTime, uid] of [
    [20n, 2],
    [10n, 1],
  ] as const) {
    await saveSnapshot(repository.writer, {
      source: { host: 'h', userName: 'u', path: '/root' },
      description: '',
      startTime,
      endTime: startTime,
      stats: EMPTY_STATS,
      rootEntry: { ...rootEntry, uid },
      tags: {},
      pins: [],
    });
  }
  return repository;
}

describe('a reference', () => {
  const FIRST_ID = '1'.padStart(32, '0');

  it('may be the ID of a snapshot and a path', async () => {
    const { writer } = await repositoryWithSnapshots();
    const reference = await findSnapshotReference(writer, `${FIRST_ID}/d/e`);
    expect(reference.snapshots.map(({ id }) => id)).toEqual([FIRST_ID]);
    expect(reference.path).toBe('d/e');
    expect((await findReferencedEntry(writer, `${FIRST_ID}\\d\\e\\f`)).size).toBe(2);
  });

  it('may be the root object of several snapshots, of which the latest counts', async () => {
    const { writer } = await repositoryWithSnapshots();
    const [snapshot] = (await findSnapshotReference(writer, FIRST_ID)).snapshots;
    const root = String(snapshot?.rootEntry?.objectID);
    const reference = await findSnapshotReference(writer, root);
    expect(reference.snapshots.map(({ startTime }) => startTime)).toEqual([10n, 20n]);
    expect((await findReferencedEntry(writer, root)).uid).toBe(2);
  });

  it('to what lies below a directory needs no manifests', async () => {
    const { writer } = await repositoryWithSnapshots();
    const [snapshot] = (await findSnapshotReference(writer, FIRST_ID)).snapshots;
    const root = String(snapshot?.rootEntry?.objectID);
    writer.findManifests = async () => {
      throw new Error('read');
    };
    expect((await findReferencedEntry(writer, `${root}/d/e/f`)).size).toBe(2);
    await expect(findReferencedEntry(writer, `${root}/d/x`)).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
    });
    await expect(findReferencedEntry(writer, `${root}//`)).rejects.toThrow('read');
  });

  it('may be any other object', async () => {
    const { writer, objects } = await repositoryWithSnapshots();
    objects.set(parseObjectID('Ixabcd'), encodeUtf8('123456'));
    objects.set(parseObjectID('kabcd'), encodeUtf8('{}'));
    expect(await findSnapshotReference(writer, 'abcd')).toEqual({
      snapshots: [],
      objectID: 'abcd',
      path: '',
    });
    expect(await findReferencedEntry(writer, 'Ixabcd')).toMatchObject({ type: 'f', size: 6 });
    expect((await findReferencedEntry(writer, 'kabcd')).type).toBe('d');
  });

  it.each([
    ['no/such', 'INVALID_ARGUMENT', '"no/such" does not begin with the ID of a snapshot or object'],
    ['/no', 'INVALID_ARGUMENT', '"/no" does not begin with the ID of a snapshot or object'],
    ['abcd/x', 'OBJECT_NOT_FOUND', 'the repository has no snapshot or object abcd'],
    ['00ff/x', 'PATH_NOT_FOUND', '00ff is a file, not a directory'],
    [`${FIRST_ID}/d/nope/x`, 'PATH_NOT_FOUND', `${FIRST_ID}/d has no "nope"`],
    [`${FIRST_ID}//a/x`, 'PATH_NOT_FOUND', `${FIRST_ID}/a is a file, not a directory`],
    [`${FIRST_ID}/a`, 'INVALID_ARGUMENT', `${FIRST_ID}/a is a file, not a directory`],
    ['00ff', 'INVALID_ARGUMENT', '00ff is a file, not a directory'],
  ])('%s to a directory is refused with %s', async (text, code, message) => {
    const { writer, objects } = await repositoryWithSnapshots();
    objects.set(parseObjectID('00ff'), encodeUtf8('a'));
    await expect(findReferencedDirectory(writer, text)).rejects.toMatchObject({ code, message });
  });
});
