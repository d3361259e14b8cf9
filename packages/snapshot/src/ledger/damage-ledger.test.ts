import {
  objectReference,
  portableAlgorithms,
  writeSession,
  type ContentID,
  type MemoryStorage,
  type OpenWritableRepository,
} from '@longshore/repo';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DirEntry } from '../dir-manifest.ts';
import { EMPTY_STATS } from '../snapshot-manifest.ts';
import { saveSnapshot } from '../snapshot-store.ts';
import {
  commitTree,
  createTestRepository,
  dir,
  file,
  storeIndexObject,
  type TreeNode,
} from '../tree-fixture.ts';
import { findDamagedEntries } from './damage-ledger.ts';

let repository: OpenWritableRepository;
let storage: MemoryStorage;

beforeEach(async () => {
  ({ repository, storage } = await createTestRepository(portableAlgorithms()));
});

async function snapshotOf(tree: TreeNode, path = '/p'): Promise<DirEntry> {
  const rootEntry = await commitTree(repository, tree);
  await writeSession(repository, {}, (writer) =>
    saveSnapshot(writer, {
      source: { host: 'h', userName: 'u', path },
      description: '',
      startTime: 1n,
      endTime: 2n,
      stats: EMPTY_STATS,
      rootEntry,
      tags: {},
      pins: [],
    }),
  );
  return rootEntry;
}

function contentOf({ objectID }: DirEntry): ContentID {
  return objectReference(objectID!).contentID;
}

async function ledger(...lost: readonly ContentID[]): Promise<readonly string[]> {
  const ids = new Set(lost);
  const found = await Array.fromAsync(findDamagedEntries(repository, (id) => ids.has(id)));
  return found.map(({ snapshot, path }) => `${snapshot.source.path} ${path}`).sort();
}

describe('the ledger of damage', () => {
  it('is empty where nothing is lost', async () => {
    await snapshotOf(dir({ a: file('a') }));
    expect(await ledger()).toEqual([]);
  });

  it('names each file of each snapshot that stands on a lost content', async () => {
    const lost = await commitTree(repository, file('lost'));
    await snapshotOf(dir({ a: file('lost'), sub: dir({ b: file('lost'), c: file('c') }) }), '/one');
    await snapshotOf(dir({ sub: dir({ b: file('lost'), c: file('c') }) }), '/two');
    await snapshotOf(dir({ sub: dir({ c: file('c') }) }), '/three');
    expect(await ledger(contentOf(lost))).toEqual(['/one a', '/one sub/b', '/two sub/b']);
  });

  it('names a file of which one chunk is lost', async () => {
    await using writer = repository.newWriter();
    const chunks = [
      await writer.writeObject(Buffer.from('one')),
      await writer.writeObject(Buffer.from('two')),
    ];
    const objectID = await storeIndexObject(writer, {
      entries: chunks.map((o, index) => ({ ...(index === 0 ? {} : { s: 3 }), l: 3, o })),
    });
    await writer.flush();
    await snapshotOf(dir({ f: { type: 'f', objectID, size: 6 } }));
    expect(await ledger(objectReference(chunks[1]!).contentID)).toEqual(['/p f']);
  });

  it('names a lost directory, and what it knows of the rest', async () => {
    const sub = await commitTree(repository, dir({ x: file('x') }));
    await snapshotOf(dir({ sub: dir({ x: file('x') }), y: file('y') }));
    expect(await ledger(contentOf(sub))).toEqual(['/p sub']);
  });

  it('names a directory that turns out to be lost when it is read', async () => {
    const sub = await commitTree(repository, dir({ x: file('x') }));
    await snapshotOf(dir({ sub: dir({ x: file('x') }), y: file('y') }));
    await storage.deleteBlob(repository.contents.contentInfo(contentOf(sub))!.packBlobID);
    expect(await ledger()).toEqual(['/p sub']);
  });
});
