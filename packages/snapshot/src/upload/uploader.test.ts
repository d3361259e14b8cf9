import {
  createSystemClock,
  hasCode,
  LongshoreError,
  systemSleep,
  webRandomSource,
  type OpenWritableRepository,
  type RepositoryWriter,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSnapshot } from '../create-snapshot.ts';
import type { DirectoryEntry, Entry, FileEntry, StreamedPart } from '../entry.ts';
import { DEFAULT_POLICY, EMPTY_POLICY, type Policy } from '../policy/policy.ts';
import { setPolicy } from '../policy/policy-store.ts';
import { buildPolicyTree } from '../policy/policy-tree.ts';
import { readDirectory } from '../repository-entry.ts';
import type { SnapshotDraft, SnapshotManifest } from '../snapshot-manifest.ts';
import { listSnapshots } from '../snapshot-store.ts';
import type { SourceInfo } from '../source-info.ts';
import { createTestRepository } from '../tree-fixture.ts';
import { MemorySource } from './memory-source.ts';
import type { UploadEvent } from './upload-events.ts';
import { uploadTree, type UploadOptions } from './uploader.ts';

const MIB = 1024 * 1024;

let repository: OpenWritableRepository;
let source: MemorySource;
/** Of its own in each test: nothing is found of what another one saved. */
let owner: SourceInfo;
let tests = 0;

beforeAll(async () => {
  ({ repository } = await createTestRepository(nativeAlgorithms(), { splitter: 'FIXED-1M' }));
});

beforeEach(() => {
  source = new MemorySource();
  owner = { host: 'host', userName: 'user', path: `/data/${tests++}` };
});

function policyWith(changes: Partial<Policy>): Policy {
  return { ...DEFAULT_POLICY, ...changes };
}

async function upload(
  root: DirectoryEntry | FileEntry,
  options: Partial<UploadOptions> & { readonly policies?: Partial<Policy> } = {},
  writer: RepositoryWriter = repository.newWriter(),
): Promise<SnapshotDraft> {
  const { policies = {}, ...rest } = options;
  const draft = await uploadTree(writer, root, {
    source: owner,
    policy: buildPolicyTree(policyWith(policies)),
    clock: createSystemClock(),
    random: webRandomSource,
    sleep: systemSleep,
    defaultParallelism: 4,
    ...rest,
  });
  await writer.flush();
  return draft;
}

/** A draft as if it had been saved. */
function saved(draft: SnapshotDraft): SnapshotManifest {
  return { ...draft, id: '00000000000000000000000000000000' as SnapshotManifest['id'] };
}

async function rootNames(draft: SnapshotDraft): Promise<readonly string[]> {
  const { entries } = await readDirectory(repository, draft.rootEntry!.objectID!);
  return entries.map(({ name }) => name);
}

async function fileBytes(draft: SnapshotDraft, name: string): Promise<Uint8Array> {
  const { entries } = await readDirectory(repository, draft.rootEntry!.objectID!);
  const entry = entries.find((candidate) => candidate.name === name);
  await using object = await repository.openObject(entry!.objectID!);
  return object.read({ offset: 0, length: object.length });
}

function bytes(length: number, seed = 1): Uint8Array {
  const result = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    result[i] = x >>> 24;
  }
  return result;
}

function sampleTree(): DirectoryEntry {
  return source.directory('data', [
    source.file('b', 'bravo'),
    source.file('empty', ''),
    source.file('large', bytes(3 * MIB + 5)),
    source.symlink('link', 'b'),
    source.directory('sub', [source.file('deep', 'deep'), source.directory('hollow', [])]),
  ]);
}

describe('a first snapshot', () => {
  it('holds every entry, directories first, and counts them', async () => {
    const draft = await upload(sampleTree());
    expect(await rootNames(draft)).toEqual(['sub', 'b', 'empty', 'large', 'link']);
    expect(await fileBytes(draft, 'large')).toEqual(bytes(3 * MIB + 5));
    expect(await fileBytes(draft, 'b')).toEqual(new TextEncoder().encode('bravo'));
    expect(draft.rootEntry?.summary).toMatchObject({
      size: 3 * MIB + 5 + 5 + 4,
      files: 4,
      symlinks: 1,
      dirs: 3,
      numFailed: 0,
    });
    expect(draft.stats).toMatchObject({
      fileCount: 4,
      nonCachedFiles: 4,
      cachedFiles: 0,
      dirCount: 3,
    });
    expect(draft.incomplete).toBeUndefined();
  });

  it('has the same root object in every run and at every parallelism', async () => {
    const first = await upload(sampleTree(), { parallelism: 1 });
    const second = await upload(sampleTree(), { parallelism: 8 });
    expect(second.rootEntry?.objectID).toBe(first.rootEntry?.objectID);
  });

  it('takes thousands of files through few buffers', async () => {
    const children = Array.from({ length: 40 }, (_, d) =>
      source.directory(
        `d${d}`,
        Array.from({ length: 60 }, (_, f) => source.file(`f${f}`, bytes(f * 700, d * 100 + f))),
      ),
    );
    const draft = await upload(source.directory('data', children), { parallelism: 16 });
    expect(draft.rootEntry?.summary).toMatchObject({ files: 2400, dirs: 41 });
  });

  it('takes files of near half a megabyte from many folders at once', async () => {
    const children = Array.from({ length: 16 }, (_, d) =>
      source.directory(
        `d${d}`,
        Array.from({ length: 12 }, (_, f) => source.file(`f${f}`, bytes(380_000 + f * 9000, f))),
      ),
    );
    const draft = await upload(source.directory('data', children), { parallelism: 24 });
    expect(draft.rootEntry?.summary).toMatchObject({ files: 192, numFailed: 0 });
  });

  it('stores a root that is a file with a summary of its own', async () => {
    const draft = await upload(source.file('only', 'alone'));
    expect(draft.rootEntry).toMatchObject({ type: 'f', name: 'only', size: 5 });
    expect(draft.rootEntry?.summary).toMatchObject({ size: 5, files: 1, dirs: 0 });
  });

  it('streams a file that grew after it was listed, and records what it read', async () => {
    const grown = bytes(700_000);
    const root = source.directory('data', [source.file('log', 'short', { actual: grown })]);
    const draft = await upload(root);
    expect(await fileBytes(draft, 'log')).toEqual(grown);
    expect(draft.rootEntry?.summary?.size).toBe(700_000);
  });
});

function upTo(size: number): Partial<Policy> {
  return { upload: { parallelUploadAboveSize: size } };
}

describe('files above the parallel threshold', () => {
  it('are cut anew at each part, as Kopia does', async () => {
    const content = bytes(5 * MIB);
    const root = source.directory('data', [source.file('big', content)]);
    const draft = await upload(root, { policies: upTo(1.5 * MIB) });
    const { entries } = await readDirectory(repository, draft.rootEntry!.objectID!);
    const chunks = await repository.objectChunks(entries[0]!.objectID!);
    expect(chunks.map(({ length }) => length / MIB)).toEqual([1, 0.5, 1, 0.5, 1, 0.5, 0.5]);
    expect(await fileBytes(draft, 'big')).toEqual(content);
    expect(draft.stats.fileCount).toBe(4);
  });

  it('end with an empty part when the size is a multiple', async () => {
    const root = source.directory('data', [source.file('big', bytes(2 * MIB))]);
    const draft = await upload(root, { policies: upTo(MIB) });
    const { entries } = await readDirectory(repository, draft.rootEntry!.objectID!);
    const chunks = await repository.objectChunks(entries[0]!.objectID!);
    expect(chunks.map(({ length }) => length)).toEqual([MIB, MIB, 0]);
  });

  it('stay whole at exactly the threshold, and when it is negative', async () => {
    const root = source.directory('data', [source.file('big', bytes(2 * MIB))]);
    const whole = await upload(root, { policies: upTo(-1) });
    const exact = await upload(root, { policies: upTo(2 * MIB) });
    expect(exact.rootEntry?.objectID).toBe(whole.rootEntry?.objectID);
  });
});

describe('what did not change since an earlier snapshot', () => {
  it('is not read again, and gives the same root object', async () => {
    const first = await upload(sampleTree());
    source.read.length = 0;
    const second = await upload(sampleTree(), { previous: [saved(first)] });
    expect(source.read).toEqual([]);
    expect(second.rootEntry?.objectID).toBe(first.rootEntry?.objectID);
    expect(second.stats).toMatchObject({ cachedFiles: 5, nonCachedFiles: 0, fileCount: 0 });
  });

  it.each([
    ['mtime', { mtime: 1_700_000_000_123_456_790n }],
    ['mode', { mode: 0o600 }],
    ['owner', { uid: 1001 }],
    ['group', { gid: 101 }],
  ])('is read when its %s differs', async (_, change) => {
    const pair = (metadata: object): DirectoryEntry =>
      tree(source.file('a', 'alpha', metadata), source.file('b', 'bravo'));
    const first = await upload(pair({}));
    source.read.length = 0;
    await upload(pair(change), { previous: [saved(first)] });
    expect(source.read).toEqual(['a']);
  });

  it('is read when its content was deleted from the repository meanwhile', async () => {
    const root = source.directory('data', [source.file('a', 'alpha')]);
    const first = await upload(root);
    const { entries } = await readDirectory(repository, first.rootEntry!.objectID!);
    await using writer = repository.newWriter();
    await writer.contents.deleteContent(entries[0]!.objectID! as never);
    await writer.flush();
    source.read.length = 0;
    const second = await upload(root, { previous: [saved(first)] });
    expect(source.read).toEqual(['a']);
    expect(await fileBytes(second, 'a')).toEqual(new TextEncoder().encode('alpha'));
  });

  it('is read all the same when hashing is forced', async () => {
    const first = await upload(sampleTree());
    source.read.length = 0;
    await upload(sampleTree(), { previous: [saved(first)], forceHashPercent: 100 });
    expect(source.read.toSorted()).toEqual(['b', 'deep', 'empty', 'large', 'link']);
  });

  it('does not hide that an entry is gone or that a directory has new metadata', async () => {
    const first = await upload(sampleTree());
    const fewer = await sampleTree().readChildren();
    const second = await upload(source.directory('data', fewer.slice(1)), {
      previous: [saved(first)],
    });
    expect(await rootNames(second)).toEqual(['sub', 'empty', 'large', 'link']);
    const third = await upload({ ...sampleTree(), mode: 0o700 }, { previous: [saved(first)] });
    expect(third.rootEntry).toMatchObject({ mode: 0o700, objectID: first.rootEntry?.objectID });
  });
});

describe('a file that grew after it was listed', () => {
  it('takes a place like any large file, so that few are open at once', async () => {
    let open = 0;
    let most = 0;
    const files = Array.from({ length: 100 }, (_, index) => {
      const file = source.file(`f${index}`, 'x', { actual: bytes(1000 + index) });
      return {
        ...file,
        open: () => {
          const reader = file.open();
          most = Math.max(most, ++open);
          return new Proxy(reader, {
            get: (target, name) => {
              if (name === 'close') open -= 1;
              const value: unknown = Reflect.get(target, name, target);
              return typeof value === 'function' ? (value.bind(target) as unknown) : value;
            },
          });
        },
      };
    });
    const draft = await upload(source.directory('data', files), { parallelism: 3 });
    expect(open).toBe(0);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(3);
    expect(draft.stats).toMatchObject({ fileCount: 100, errorCount: 0 });
    expect(await fileBytes(draft, 'f7')).toEqual(bytes(1007));
  });
});

describe('a file that is stored in parts side by side', () => {
  const inParts = { parallelism: 3, policies: { upload: { parallelUploadAboveSize: MIB } } };

  /** 8 parts, in the second of which something happens. */
  function largeFile(happens: () => void): FileEntry {
    const file = source.file('large', bytes(8 * MIB));
    return {
      ...file,
      open: () => {
        const reader = file.open();
        return {
          dataRegions: (size) => reader.dataRegions(size),
          close: () => reader.close(),
          readInto: (target, position) => {
            if (position !== undefined && position >= MIB && position < 2 * MIB) happens();
            return reader.readInto(target, position);
          },
        };
      },
    };
  }

  // Each of these had an unhandled rejection, which vitest reports as the failure of the run.
  it('counts as one error if a part of it cannot be read', async () => {
    const file = largeFile(() => {
      throw new LongshoreError('SOURCE_UNREADABLE', 'read large: input/output error');
    });
    const draft = await upload(source.directory('data', [file, source.file('a', 'a')]), inParts);
    expect(await rootNames(draft)).toEqual(['a']);
    expect(draft.stats.errorCount).toBe(1);
  });

  it('is left out if the upload is stopped meanwhile', async () => {
    const stop = new AbortController();
    const root = source.directory('data', [largeFile(() => stop.abort())]);
    const draft = await upload(root, { ...inParts, stopSignal: stop.signal });
    expect(draft.incomplete).toBe('canceled');
    expect(await rootNames(draft)).toEqual([]);
  });

  it('ends with the upload that is aborted', async () => {
    const abort = new AbortController();
    const reason = new Error('no more');
    const root = source.directory('data', [largeFile(() => abort.abort(reason))]);
    await expect(upload(root, { ...inParts, signal: abort.signal })).rejects.toBe(reason);
  });
});

function broken(): DirectoryEntry {
  return source.directory('data', [
    source.file('bad', 'x', { error: 'no permission' }),
    source.file('worse', bytes(MIB), { error: 'no permission' }),
    source.file('good', 'good'),
    source.directory('locked', [], { error: 'no permission' }),
    source.hidden('veiled', 'f'),
  ]);
}

describe('what cannot be read', () => {
  it('is recorded and left out; the rest is stored', async () => {
    const events: UploadEvent[] = [];
    const draft = await upload(broken(), { onEvent: (event) => events.push(event) });
    expect(await rootNames(draft)).toEqual(['good']);
    const { summary } = draft.rootEntry!;
    expect(summary).toMatchObject({ numFailed: 4, numIgnoredErrors: 0 });
    expect(summary?.errors.map(({ path }) => path)).toEqual(['bad', 'locked', 'veiled', 'worse']);
    expect(draft.stats.errorCount).toBe(4);
    expect(events.filter(({ type }) => type === 'entry-failed')).toHaveLength(4);
  });

  it('counts as ignored where the policy says so', async () => {
    const errorHandling = { ignoreFileErrors: true, ignoreDirectoryErrors: true };
    const draft = await upload(broken(), { policies: { errorHandling } });
    expect(draft.rootEntry?.summary).toMatchObject({ numFailed: 0, numIgnoredErrors: 4 });
  });

  it('ends the upload in order when it is to fail fast', async () => {
    const root = source.directory('data', [
      source.file('a', 'a'),
      source.hidden('veiled', 'f'),
      source.file('later', 'later'),
      source.hidden('worse', 'f'),
    ]);
    const draft = await upload(root, { failFast: true });
    expect(draft).toMatchObject({ incomplete: 'canceled', stats: { errorCount: 1 } });
    expect(draft.rootEntry?.summary?.errors.map(({ path }) => path)).toEqual(['veiled']);
    expect(await rootNames(draft)).toEqual(['a']);
  });

  it('does not end it where the policy ignores the error', async () => {
    const errorHandling = { ignoreFileErrors: true, ignoreDirectoryErrors: true };
    const draft = await upload(broken(), { failFast: true, policies: { errorHandling } });
    expect(draft.incomplete).toBeUndefined();
    expect(await rootNames(draft)).toEqual(['good']);
  });

  it('is a placeholder that stands for something else, or for what the repository lacks', async () => {
    const planted = (name: string, object: string): string =>
      JSON.stringify({ name, type: 'f', mode: '0644', size: 3, obj: object });
    const absent = '00112233445566778899aabbccddeeff';
    const root = source.directory('data', [
      source.file('up.kopia-entry', planted('..', absent)),
      source.file('sibling.kopia-entry', planted('good', absent)),
      source.file('absent.kopia-entry', planted('absent', absent)),
      source.file('good', 'good'),
    ]);
    const draft = await upload(root);
    expect(await rootNames(draft)).toEqual(['good']);
    expect(draft.rootEntry?.summary?.numFailed).toBe(3);
  });

  it('ends the upload when it is the root', async () => {
    const root = source.directory('data', [], { error: 'no permission' });
    await expect(upload(root)).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' });
  });

  it('leaves no trace if it is a FIFO, unless the policy wants to know', async () => {
    const root = source.directory('data', [source.fifo('pipe'), source.file('a', 'a')]);
    const silent = await upload(root);
    expect(silent.rootEntry?.summary).toMatchObject({ numFailed: 0, numIgnoredErrors: 0 });
    const strict = await upload(root, {
      policies: { errorHandling: { ignoreUnknownTypes: false } },
    });
    expect(strict.rootEntry?.summary?.errors).toEqual([
      { path: 'pipe', error: 'unknown or unsupported entry type' },
    ]);
  });
});

function tree(...children: Entry[]): DirectoryEntry {
  return source.directory('data', children);
}

describe('what the source excludes itself', () => {
  it('follows ignore files at their place in the tree', async () => {
    const draft = await upload(
      tree(
        source.file('.kopiaignore', '*.log\n!keep.log\n'),
        source.file('a.log', 'a'),
        source.file('keep.log', 'k'),
        source.directory('sub', [source.file('b.log', 'b'), source.file('c', 'c')]),
      ),
    );
    expect(await rootNames(draft)).toEqual(['sub', '.kopiaignore', 'keep.log']);
    expect(draft.rootEntry?.summary?.files).toBe(3);
    expect(draft.stats).toMatchObject({ excludedFileCount: 2, excludedTotalSize: 2 });
  });

  it('reads an ignore file through a symlink', async () => {
    const rules = source.file('rules', 'secret\n');
    const draft = await upload(
      tree(source.symlink('.kopiaignore', 'rules', rules), rules, source.file('secret', 's')),
    );
    expect(await rootNames(draft)).toEqual(['.kopiaignore', 'rules']);
  });

  it('reports a malformed rule as an error of its directory', async () => {
    const draft = await upload(
      tree(source.directory('sub', [source.file('.kopiaignore', '[a\n')]), source.file('a', 'a')),
    );
    expect(await rootNames(draft)).toEqual(['a']);
    expect(draft.rootEntry?.summary?.errors[0]?.path).toBe('sub');
  });

  it('stores a directory that is marked as a cache, but empty', async () => {
    const tag = 'Signature: 8a477f597d28d172789f06886806bc55\n# by a test';
    const cache = source.directory('cache', [
      source.file('CACHEDIR.TAG', tag),
      source.file('blob', 'x'),
    ]);
    const draft = await upload(tree(cache, source.file('a', 'a')));
    expect(draft.rootEntry?.summary).toMatchObject({ files: 1, dirs: 2 });
    const kept = await upload(tree(cache), { policies: { files: { ignoreCacheDirs: false } } });
    expect(kept.rootEntry?.summary).toMatchObject({ files: 2, dirs: 2 });
  });
});

describe('an upload that does not reach its end', () => {
  it('keeps what is done when it is stopped, as an incomplete snapshot', async () => {
    const stop = new AbortController();
    const root = source.directory('data', [
      source.directory('first', [source.file('a', 'a')]),
      source.directory('second', [source.file('b', 'b')]),
    ]);
    const draft = await upload(root, {
      parallelism: 1,
      stopSignal: stop.signal,
      onEvent: ({ type }) => {
        if (type === 'directory-finished') stop.abort();
      },
    });
    expect(draft.incomplete).toBe('canceled');
    expect(draft.rootEntry?.summary).toMatchObject({ incomplete: 'canceled', files: 1 });
  });

  it('gives a file up in the middle when it is stopped', async () => {
    const stop = new AbortController();
    let read = 0;
    const endless: FileEntry = {
      ...source.file('endless', bytes(MIB)),
      size: 1000 * MIB,
      open: () => ({
        readInto: (target) => {
          read += target.length;
          return target.length;
        },
        dataRegions: () => [],
        close: () => undefined,
      }),
    };
    const draft = await upload(source.directory('data', [source.file('a', 'a'), endless]), {
      stopSignal: stop.signal,
      onEvent: ({ type }) => {
        if (type === 'bytes-read' && read > 20 * MIB) stop.abort();
      },
    });
    expect(draft.incomplete).toBe('canceled');
    expect(await rootNames(draft)).toEqual(['a']);
    expect(read).toBeLessThan(100 * MIB);
  });

  it('stops behind its limit of bytes', async () => {
    const children = Array.from({ length: 20 }, (_, i) =>
      source.directory(`d${i}`, [source.file('f', bytes(MIB, i))]),
    );
    const draft = await upload(source.directory('data', children), {
      parallelism: 1,
      uploadLimitBytes: 3.5 * MIB,
    });
    expect(draft.incomplete).toBe('limit reached');
    expect(draft.rootEntry?.summary?.files).toBe(4);
  });

  it('rejects with the reason of its signal', async () => {
    const reason = new Error('no more');
    const abort = new AbortController();
    const uploading = upload(sampleTree(), {
      signal: abort.signal,
      onEvent: () => {
        abort.abort(reason);
      },
    });
    await expect(uploading).rejects.toBe(reason);
  });

  it('rejects when the repository fails, whatever the policy ignores', async () => {
    const writer = repository.newWriter();
    await writer[Symbol.asyncDispose]();
    const errorHandling = { ignoreFileErrors: true, ignoreDirectoryErrors: true };
    const uploading = upload(sampleTree(), { policies: { errorHandling } }, writer);
    await expect(uploading).rejects.toSatisfy((error) => !hasCode(error, 'SOURCE_UNREADABLE'));
  });
});

describe('checkpoints', () => {
  it('save a partial snapshot from which the next run goes on', async () => {
    const gate = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    const children = [source.directory('done', [source.file('a', 'alpha')])];
    const waiting: DirectoryEntry = {
      ...source.directory('waiting', []),
      readChildren: async () => {
        await gate.promise;
        return [source.file('b', 'bravo')];
      },
    };
    let sleeps = 0;
    await using writer = repository.newWriter();
    const created = createSnapshot(writer, source.directory('data', [...children, waiting]), {
      source: owner,
      checkpointIntervalMs: 1000,
      sleep: async (_, signal) => {
        sleeps += 1;
        await done.promise;
        if (sleeps > 1) await new Promise((_, reject) => signal?.addEventListener('abort', reject));
      },
      onEvent: ({ type }) => {
        if (type === 'directory-finished') done.resolve();
        if (type === 'checkpoint') taken.resolve();
      },
    });
    await taken.promise;
    await repository.refresh();
    const [checkpoint] = await listSnapshots(repository, owner);
    expect(checkpoint).toMatchObject({ incomplete: 'checkpoint' });
    gate.resolve();
    const { snapshot } = await created;
    expect(snapshot?.incomplete).toBeUndefined();
    expect(snapshot?.startTime).toBe(checkpoint?.startTime);
    source.read.length = 0;
    await upload(source.directory('data', children), { previous: [checkpoint!] });
    expect(source.read).toEqual([]);
  });

  it.each([
    ['as it is read', 1000 * MIB],
    ['in parts', MIB],
  ])('keep what is stored of a file that is the root, %s', async (_, parallelUploadAboveSize) => {
    const taken = Promise.withResolvers<void>();
    const half = Promise.withResolvers<void>();
    const file = source.file('image', bytes(6 * MIB));
    const drafts: SnapshotDraft[] = [];
    const stop = new AbortController();
    await using writer = repository.newWriter();
    const uploading = upload(
      {
        ...file,
        stream: async function* (part: StreamedPart) {
          const end = part.length === undefined ? 6 * MIB : part.start + part.length;
          for (let at = part.start; at < end; at += MIB / 2) {
            if (at === 4 * MIB) {
              half.resolve();
              await taken.promise;
            }
            yield bytes(6 * MIB).subarray(at, at + MIB / 2);
          }
        },
      },
      {
        parallelism: 1,
        policies: { upload: { parallelUploadAboveSize } },
        stopSignal: stop.signal,
        sleep: async (_ms, signal) => {
          await half.promise;
          if (drafts.length > 0) {
            await new Promise((_resolve, reject) => signal?.addEventListener('abort', reject));
          }
        },
        checkpoints: {
          intervalMs: 1,
          save: async (draft) => {
            drafts.push(draft);
            await writer.flush();
            stop.abort();
            taken.resolve();
            return saved(draft).id;
          },
        },
      },
      writer,
    );
    await expect(uploading).rejects.toMatchObject({ code: 'ABORTED' });
    expect(drafts).toHaveLength(1);
    const { incomplete, rootEntry } = drafts[0]!;
    expect(incomplete).toBe('checkpoint');
    expect(rootEntry).toMatchObject({
      type: 'f',
      name: expect.stringMatching(/^\.checkpointed\.image\./) as string,
    });
    await using object = await repository.openObject(rootEntry!.objectID!);
    const kept = await object.read({ offset: 0, length: object.length });
    expect(kept.length).toBeGreaterThanOrEqual(3 * MIB);
    expect(kept).toEqual(bytes(6 * MIB).subarray(0, kept.length));
  });

  it('end the upload when they fail', async () => {
    const failure = new Error('the storage is gone');
    const never: DirectoryEntry = {
      ...source.directory('never', []),
      readChildren: (options) =>
        new Promise((_, reject) => {
          options?.signal?.addEventListener('abort', () => {
            reject(options.signal?.reason as Error);
          });
        }),
    };
    const uploading = upload(source.directory('data', [never]), {
      checkpoints: { intervalMs: 1, save: () => Promise.reject(failure) },
    });
    await expect(uploading).rejects.toBe(failure);
  });
});

const KEEP_TWO = {
  keepLatest: 2,
  keepHourly: 0,
  keepDaily: 0,
  keepWeekly: 0,
  keepMonthly: 0,
  keepAnnual: 0,
};

describe('createSnapshot', () => {
  it('saves nothing when nothing changed and the policy says so', async () => {
    await using writer = repository.newWriter();
    await setPolicy(writer, owner, {
      ...EMPTY_POLICY,
      retention: { ignoreIdenticalSnapshots: true },
    });
    await writer.flush();
    const first = await createSnapshot(writer, sampleTree(), { source: owner });
    const second = await createSnapshot(writer, sampleTree(), { source: owner });
    expect(first.snapshot).toBeDefined();
    expect(second.snapshot).toBeUndefined();
    expect(await listSnapshots(writer, owner)).toHaveLength(1);
  });

  it('applies retention to the source when it is done', async () => {
    await using writer = repository.newWriter();
    await setPolicy(writer, owner, { ...EMPTY_POLICY, retention: KEEP_TWO });
    await writer.flush();
    const ids: (string | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      const { snapshot } = await createSnapshot(writer, sampleTree(), { source: owner });
      ids.push(snapshot?.id);
    }
    const left = await listSnapshots(writer, owner);
    expect(left.map(({ id }) => id)).toEqual(ids.slice(1));
  });
});
