import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createSystemClock,
  objectReference,
  systemSleep,
  webRandomSource,
  type OpenWritableRepository,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DirectoryEntry, Entry } from '../entry.ts';
import { DEFAULT_POLICY, type Policy } from '../policy/policy.ts';
import { buildPolicyTree } from '../policy/policy-tree.ts';
import { readDirectory } from '../repository-entry.ts';
import type { SnapshotDraft, SnapshotManifest } from '../snapshot-manifest.ts';
import { createTestRepository } from '../tree-fixture.ts';
import type { UploadEvent } from '../upload/upload-events.ts';
import type { UploadLogLine } from '../upload/upload-log.ts';
import { uploadTree, type UploadOptions } from '../upload/uploader.ts';
import { openLocalEntry } from './local-entry.ts';

let repository: OpenWritableRepository;
let folder: string;
beforeAll(async () => {
  ({ repository } = await createTestRepository(nativeAlgorithms()));
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-unchanged-'));
  for (const sub of ['a', 'a/b', 'c']) {
    mkdirSync(join(folder, sub));
    writeFileSync(join(folder, sub, 'one'), `one of ${folder}/${sub}`);
    writeFileSync(join(folder, sub, 'two'), `two of ${folder}/${sub}`);
    symlinkSync('one', join(folder, sub, 'link'));
  }
  writeFileSync(join(folder, 'top'), `top of ${folder}`);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function root(): DirectoryEntry {
  const entry = openLocalEntry(folder);
  if (entry.type !== 'd') throw new Error('not a directory');
  return entry;
}

/** The same directory from a source that can only list its entries. */
function plain(directory: DirectoryEntry): DirectoryEntry {
  const { name, rawName, mode, size, mtime, uid, gid, device, inode } = directory;
  return {
    type: 'd',
    name,
    rawName,
    mode,
    size,
    mtime,
    uid,
    gid,
    device,
    inode,
    readChildren: async (options) => {
      const children = await directory.readChildren(options);
      return children.map((child): Entry => (child.type === 'd' ? plain(child) : child));
    },
  };
}

interface Uploaded {
  readonly draft: SnapshotDraft;
  readonly events: readonly UploadEvent[];
}

async function upload(
  from: DirectoryEntry,
  previous: readonly SnapshotDraft[] = [],
  { policies = {}, ...options }: Partial<UploadOptions> & { policies?: Partial<Policy> } = {},
): Promise<Uploaded> {
  const events: UploadEvent[] = [];
  await using writer = repository.newWriter();
  const draft = await uploadTree(writer, from, {
    source: { host: 'host', userName: 'user', path: folder },
    policy: buildPolicyTree({ ...DEFAULT_POLICY, ...policies }),
    previous: previous.map((snapshot): SnapshotManifest => ({
      ...snapshot,
      id: '0'.repeat(32) as SnapshotManifest['id'],
    })),
    clock: createSystemClock(),
    random: webRandomSource,
    sleep: systemSleep,
    defaultParallelism: 4,
    onEvent: (event) => events.push(event),
    ...options,
  });
  await writer.flush();
  return { draft, events };
}

/** Paths of the directories all of whose files were taken over at once, sorted. */
function cached({ events }: Uploaded): readonly string[] {
  return events.flatMap((event) => (event.type === 'directory-cached' ? [event.path] : [])).sort();
}

function rootOf({ draft }: Uploaded): unknown {
  return draft.rootEntry;
}

describe('a tree that was stored before', () => {
  it('is taken over by whole directories where nothing changed', async () => {
    const first = await upload(root());
    const second = await upload(root(), [first.draft]);
    expect(cached(second)).toEqual(['', 'a', 'a/b', 'c']);
    expect(rootOf(second)).toEqual(rootOf(first));
    const each = await upload(plain(root()), [first.draft]);
    expect(cached(each)).toEqual([]);
    expect({ ...second.draft, startTime: 0n, endTime: 0n }).toEqual({
      ...each.draft,
      startTime: 0n,
      endTime: 0n,
    });
    expect(second.draft.stats).toMatchObject({ cachedFiles: 10, nonCachedFiles: 0, dirCount: 4 });
  });

  it('is logged file by file where the policy asks for it, though directories are taken over whole', async () => {
    const first = await upload(root());
    const logOf = async (cacheHit: number, from: DirectoryEntry): Promise<readonly unknown[]> => {
      const lines: UploadLogLine[] = [];
      const { logging } = DEFAULT_POLICY;
      const entries = { ...logging.entries, cacheHit };
      await upload(from, [first.draft], {
        policies: { logging: { ...logging, entries } },
        log: { write: (line) => lines.push(line), nowMs: () => 0 },
      });
      return lines
        .filter(({ message }) => message === 'cached')
        .map(({ details }) => details)
        .sort((a, b) => (a.path < b.path ? -1 : 1));
    };
    const logged = await logOf(7, root());
    expect(logged).toHaveLength(10);
    expect(logged[2]).toMatchObject({ path: 'a/b/two', size: `two of ${folder}/a/b`.length });
    expect(logged).toEqual(await logOf(7, plain(root())));
    expect(await logOf(0, root())).toEqual([]);
  });

  it.each<[string, (path: string) => void, readonly string[]]>([
    ['a changed file', (path) => writeFileSync(join(path, 'a/b/one'), 'new'), ['', 'a', 'c']],
    ['a new file', (path) => writeFileSync(join(path, 'a/new'), 'new'), ['', 'a/b', 'c']],
    ['a file less', (path) => rmSync(join(path, 'c/two')), ['', 'a', 'a/b']],
    ['a directory less', (path) => rmSync(join(path, 'c'), { recursive: true }), ['a', 'a/b']],
    [
      'a directory of another time',
      (path) => utimesSync(join(path, 'a/b'), 1, 2),
      ['', 'a', 'a/b', 'c'],
    ],
    [
      'a directory of another mode',
      (path) => chmodSync(join(path, 'a'), 0o700),
      ['', 'a', 'a/b', 'c'],
    ],
    ['an ignore file', (path) => writeFileSync(join(path, 'a/.kopiaignore'), 'two\n'), ['', 'c']],
  ])('is stored as if each entry were looked at, with %s', async (_, change, expected) => {
    const first = await upload(root());
    change(folder);
    const second = await upload(root(), [first.draft]);
    expect(cached(second)).toEqual(expected);
    expect(rootOf(second)).toEqual(rootOf(await upload(plain(root()), [first.draft])));
    const third = await upload(root(), [second.draft]);
    expect(rootOf(third)).toEqual(rootOf(second));
  });

  it('is looked at entry by entry where entries are decided on one by one', async () => {
    const first = await upload(root());
    const files = { ...DEFAULT_POLICY.files, ignore: ['/c/'] };
    const ignoring = await upload(root(), [first.draft], { policies: { files } });
    expect(cached(ignoring)).toEqual([]);
    const { entries } = await readDirectory(repository, ignoring.draft.rootEntry!.objectID!);
    expect(entries.map(({ name }) => name)).toEqual(['a', 'top']);
    for (const options of [{ forceHashPercent: 100 }, { isStored: () => true }]) {
      expect(cached(await upload(root(), [first.draft], options))).toEqual([]);
    }
  });

  it('has its files read again when garbage collection took one of them', async () => {
    const first = await upload(root());
    const { entries } = await readDirectory(repository, first.draft.rootEntry!.objectID!);
    const { objectID } = entries.find(({ name }) => name === 'top')!;
    await using writer = repository.newWriter();
    await writer.contents.deleteContent(objectReference(objectID!).contentID);
    await writer.flush();
    const second = await upload(root(), [first.draft]);
    expect(cached(second)).toEqual(['a', 'a/b', 'c']);
    expect(second.draft.stats.nonCachedFiles).toBe(1);
    expect(rootOf(second)).toEqual(rootOf(first));
  });

  it('goes on from a snapshot that is incomplete', async () => {
    const first = await upload(root());
    const stop = new AbortController();
    const onEvent = ({ type }: UploadEvent): void => {
      if (type === 'directory-finished') stop.abort();
    };
    const partial = await upload(root(), [], { stopSignal: stop.signal, onEvent, parallelism: 1 });
    expect(partial.draft.incomplete).toBe('canceled');
    const second = await upload(root(), [partial.draft, first.draft]);
    expect(rootOf(second)).toEqual(rootOf(first));
  });

  it('has in a checkpoint what was taken over', async () => {
    const first = await upload(root());
    writeFileSync(join(folder, 'c/two'), 'another two');
    const saved = Promise.withResolvers<SnapshotDraft>();
    let wake = (): void => undefined;
    const second = await upload(root(), [first.draft], {
      sleep: (_, signal) =>
        new Promise((resolve, reject) => {
          wake = resolve;
          signal?.addEventListener('abort', reject);
        }),
      onEvent: ({ type }) => {
        if (type === 'directory-cached') wake();
      },
      checkpoints: {
        intervalMs: 1,
        save: async (draft) => {
          saved.resolve(draft);
          return '0'.repeat(32) as SnapshotManifest['id'];
        },
      },
    });
    const { entries } = await readDirectory(repository, (await saved.promise).rootEntry!.objectID!);
    expect(entries.filter(({ type }) => type === 'f').map(({ name }) => name)).toEqual(['top']);
    expect(rootOf(second)).toEqual(rootOf(await upload(plain(root()), [first.draft])));
  });
});
