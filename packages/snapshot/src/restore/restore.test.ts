import {
  encodeUtf8,
  LongshoreError,
  parseObjectID,
  type ContentReader,
  type ObjectID,
  type OpenWritableRepository,
  type Repository,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_WAVE_CHUNKS } from '../content-wave.ts';
import type { DirEntry } from '../dir-manifest.ts';
import { findEntry, openObjectEntry } from '../repository-entry.ts';
import {
  commitTree,
  createTestRepository,
  dir,
  file,
  link,
  storeIndexObject,
  type TreeNode,
} from '../tree-fixture.ts';
import { MemoryOutput, type MemoryOutputOptions } from './memory-output.ts';
import type { RestoreEvent, RestoreSummary } from './restore-events.ts';
import type { RestoreOptions } from './restore-run.ts';
import { restoreSnapshot } from './restore.ts';

const algorithms = nativeAlgorithms();
let repository: OpenWritableRepository;
beforeAll(async () => {
  ({ repository } = await createTestRepository(algorithms, { splitter: 'FIXED-128K' }));
});

interface Restored {
  readonly output: MemoryOutput;
  readonly summary: RestoreSummary;
  readonly events: readonly RestoreEvent[];
}

async function restore(
  root: TreeNode | DirEntry,
  options: RestoreOptions & { readonly output?: MemoryOutputOptions } = {},
): Promise<Restored> {
  const entry = 'name' in root ? root : await commitTree(repository, root);
  const output = new MemoryOutput(options.output);
  const events: RestoreEvent[] = [];
  const summary = await restoreSnapshot(repository, entry, output, {
    onEvent: (event) => events.push(event),
    ...options,
  });
  expect(output.openFiles).toBe(0);
  return { output, summary, events };
}

const failures = (events: readonly RestoreEvent[]): readonly (readonly [string, unknown])[] =>
  events.flatMap((event) =>
    event.type === 'entry-failed' ? [[event.path, Reflect.get(event.error as object, 'code')]] : [],
  );

const text = (length: number, seed = 0): string =>
  Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * 7 + (i >> 8) + seed) % 26))).join(
    '',
  );

/** A file whose index object lists these chunks, each its own content. */
async function storeChunks(chunks: readonly string[]): Promise<ObjectID> {
  await using writer = repository.newWriter();
  const distinct = [...new Set(chunks)];
  const stored = await writer.writeObjects(distinct.map((chunk) => encodeUtf8(chunk)));
  const ids = new Map(distinct.map((chunk, i) => [chunk, stored[i]!]));
  let s = 0;
  const entries = chunks.map((chunk) => {
    const entry = { s, l: chunk.length, o: ids.get(chunk)! };
    s += chunk.length;
    return entry;
  });
  const id = await storeIndexObject(writer, { stream: 'kopia:indirect', entries });
  await writer.flush();
  return id;
}

const chunked = async (chunks: readonly string[]): Promise<TreeNode> => ({
  type: 'f',
  objectID: await storeChunks(chunks),
  size: chunks.join('').length,
});

describe('a restored tree', () => {
  it('has every entry with its bytes and attributes', async () => {
    const attributes = { mode: 0o40000750, mtime: -5n, uid: 7, gid: 8 };
    const { output, summary } = await restore(
      dir(
        {
          sub: dir({ deep: dir({}), f: file('in sub') }, attributes),
          empty: file('', attributes),
          big: file(text(300_000)),
          link: link('../nowhere', attributes),
        },
        attributes,
      ),
    );
    expect(output.finished).toEqual(['', 'big', 'empty', 'link', 'sub', 'sub/deep', 'sub/f']);
    expect(output.text('big')).toBe(text(300_000));
    expect(output.text('sub/f')).toBe('in sub');
    expect(output.text('link')).toBe('../nowhere');
    for (const path of ['', 'sub', 'empty', 'link']) {
      expect(output.entries.get(path)?.attributes).toMatchObject(attributes);
    }
    expect(summary).toEqual({
      files: 3,
      bytes: 300_006,
      symlinks: 1,
      directories: 3,
      placeholders: 0,
      skipped: 0,
      skippedBytes: 0,
      deletedExtra: 0,
      errors: 0,
      exactTimes: true,
    });
  });

  it('gets the own time of each directory, not the newest time below it', async () => {
    const { output } = await restore(
      dir({ sub: dir({ f: file('x', { mtime: 9n }) }, { mtime: 5n }) }, { mtime: 4n }),
    );
    expect(output.entries.get('sub')?.attributes?.mtime).toBe(5n);
    expect(output.entries.get('')?.attributes?.mtime).toBe(4n);
  });

  it('has each directory made before and finished after all that is in it', async () => {
    const { output } = await restore(
      dir({ a: dir({ b: dir({ c: file(text(200_000)), d: link('x') }), e: file('e') }) }),
    );
    const at = (call: string): number => {
      expect(output.calls).toContain(call);
      return output.calls.indexOf(call);
    };
    expect(at('directory a')).toBeLessThan(at('directory a/b'));
    expect(at('directory a/b')).toBeLessThan(at('file a/b/c'));
    expect(at('close a/b/c')).toBeLessThan(at('finish a/b'));
    expect(at('symlink a/b/d')).toBeLessThan(at('finish a/b'));
    expect(at('finish a/b')).toBeLessThan(at('finish a'));
    expect(at('close a/e')).toBeLessThan(at('finish a'));
    expect(output.calls.at(-1)).toBe('finish ');
  });

  it('may be any entry below a root', async () => {
    const root = await commitTree(repository, dir({ a: dir({ b: file('b'), c: dir({}) }) }));
    const inner = await restore(await findEntry(repository, root, 'a'));
    expect(inner.output.finished).toEqual(['', 'b', 'c']);
    const single = await restore(await findEntry(repository, root, 'a/b'), { name: 'renamed' });
    expect(single.output.text('renamed')).toBe('b');
  });

  it('may be a single file or symlink, and leaves the directory around it alone', async () => {
    const { output, summary } = await restore(file('alone'));
    expect(output.finished).toEqual(['root']);
    expect(output.text('root')).toBe('alone');
    expect(summary).toMatchObject({ files: 1, directories: 0 });
    expect((await restore(link('there'))).output.text('root')).toBe('there');
  });

  it('may be a directory under a name of its own', async () => {
    const { output, summary } = await restore(dir({ f: file('f') }), { name: 'd' });
    expect(output.finished).toEqual(['d', 'd/f']);
    expect(summary).toMatchObject({ files: 1, directories: 1 });
  });

  it('may be known by its object alone', async () => {
    const { objectID } = await commitTree(repository, file(text(300_000)));
    const { output } = await restore({
      ...(await openObjectEntry(repository, objectID!)),
      name: 'by object',
    });
    expect(output.text('by object')).toBe(text(300_000));
  });

  it('comes out of the compressed objects of old repositories', async () => {
    const old = await createTestRepository(algorithms, { version: 1, splitter: 'FIXED-128K' });
    await using writer = old.repository.newWriter();
    const objectID = await writer.writeObject(encodeUtf8('a'.repeat(300_000)), {
      compressor: 'zstd',
    });
    const small = await writer.writeObject(encodeUtf8('b'.repeat(1000)), { compressor: 'zstd' });
    await writer.flush();
    expect(small).toMatch(/^Z/);
    const root = await commitTree(
      old.repository,
      dir({
        big: { type: 'f', objectID, size: 300_000 },
        small: { type: 'f', objectID: small, size: 1000 },
      }),
    );
    const output = new MemoryOutput();
    await restoreSnapshot(old.repository, root, output);
    expect(output.text('big')).toBe('a'.repeat(300_000));
    expect(output.text('small')).toBe('b'.repeat(1000));
  });
});

describe('contents', () => {
  it('shared by files are fetched once and written wherever they belong', async () => {
    const shared = text(1000);
    const tree = dir({
      a: await chunked([shared, 'tail a', shared]),
      b: await chunked(['head b', shared]),
      c: file(shared),
    });
    const root = await commitTree(repository, tree);
    const fetched: string[] = [];
    const counting = withContents(repository, {
      readContents: (ids, visit, options) =>
        repository.contents.readContents(
          ids,
          (id, data) => {
            fetched.push(id);
            return visit(id, data);
          },
          options,
        ),
    });
    const output = new MemoryOutput();
    await restoreSnapshot(counting, root, output);
    expect(output.text('a')).toBe(`${shared}tail a${shared}`);
    expect(output.text('b')).toBe(`head b${shared}`);
    expect(output.text('c')).toBe(shared);
    expect(new Set(fetched).size).toBe(fetched.length);
  });

  it('of one file may fill several waves', async () => {
    const pieces = Array.from({ length: 50 }, (_, i) => `<${i}>`.padEnd(8, '.'));
    const count = MAX_WAVE_CHUNKS * 2 + 100;
    const chunks = Array.from({ length: count }, (_, i) => pieces[(i * 31) % 50]!);
    const { output, events } = await restore(
      dir({ before: file('1'), big: await chunked(chunks), 'z after': file('2') }),
    );
    expect(output.text('big')).toBe(chunks.join(''));
    expect(output.text('z after')).toBe('2');
    expect(events.filter(({ type }) => type === 'planned').length).toBeGreaterThanOrEqual(3);
  });

  it('of zero length count as well', async () => {
    const { output } = await restore(
      dir({ a: await chunked(['', 'x', '', '']), b: await chunked(['', '']), c: file('') }),
    );
    expect(output.finished).toEqual(['', 'a', 'b', 'c']);
    expect(output.text('a')).toBe('x');
    expect(output.text('b')).toBe('');
  });

  it('are planned in events that grow to the totals', async () => {
    const { events } = await restore(dir({ a: file('abc'), b: dir({ c: file('de') }) }));
    expect(events.findLast(({ type }) => type === 'planned')).toEqual({
      type: 'planned',
      files: 2,
      bytes: 5,
    });
  });
});

function withContents(inner: Repository, changed: Partial<ContentReader>): Repository {
  const contents: ContentReader = Object.setPrototypeOf(
    {
      contentInfo: inner.contents.contentInfo.bind(inner.contents),
      getContent: inner.contents.getContent.bind(inner.contents),
      readContents: inner.contents.readContents.bind(inner.contents),
      ...changed,
    },
    inner.contents,
  );
  return {
    contents,
    uniqueID: inner.uniqueID,
    openObject: (id, options) => inner.openObject(id, options),
    objectChunks: (id, options) => inner.objectChunks(id, options),
    decodeChunk: (chunk, content) => inner.decodeChunk(chunk, content),
    verifyObject: (id, options) => inner.verifyObject(id, options),
    findManifests: (labels, options) => inner.findManifests(labels, options),
    getManifest: (id, options) => inner.getManifest(id, options),
    refresh: (options) => inner.refresh(options),
    [Symbol.asyncDispose]: async () => {},
  };
}

describe('limits', () => {
  it('hold for files that are open at once', async () => {
    const files: [string, TreeNode][] = [];
    for (let i = 0; i < 40; i++) {
      files.push([`f${i}`, await chunked([`${i} a`, 'shared', `${i} b`, `${i} c`])]);
    }
    const { output } = await restore(dir(files), {
      parallel: 2,
      maxOpenFiles: 6,
      output: { pause: () => new Promise((resolve) => setImmediate(resolve)) },
    });
    expect(output.finished).toHaveLength(41);
    expect(output.maxOpenFiles).toBeLessThanOrEqual(6);
    expect(output.maxOpenFiles).toBeGreaterThan(1);
  });

  it('hold for the bytes and requests of all reads that run at once', async () => {
    const tree = dir(
      Array.from({ length: 70 }, (_, i) => [
        `d${i}`,
        dir({ a: file(text(5000, i)), b: dir({ c: file(`${i}`) }) }),
      ]),
    );
    const root = await commitTree(repository, tree);
    let memory = 0;
    let most = 0;
    const counting = withContents(repository, {
      readContents: async (ids, visit, options) => {
        memory += options!.memoryLimit!;
        most = Math.max(most, memory);
        expect(options!.parallelism).toBe(3);
        try {
          await repository.contents.readContents(ids, visit, options);
        } finally {
          memory -= options!.memoryLimit!;
        }
      },
    });
    const output = new MemoryOutput();
    await restoreSnapshot(counting, root, output, { memoryLimit: 1_000_000, parallel: 3 });
    expect(output.finished).toHaveLength(1 + 70 * 4);
    expect(most).toBeLessThanOrEqual(1_000_000);
  });

  it.each(['parallel', 'memoryLimit', 'maxOpenFiles'])('refuse a %s of 0', async (name) => {
    await expect(restore(dir({}), { [name]: 0 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('take thousands of files and deep directories', async () => {
    let deep: TreeNode = dir({ leaf: file('leaf') });
    for (let i = 0; i < 300; i++) deep = dir({ d: deep });
    const many = Array.from({ length: 3000 }, (_, i) => [`f${i}`, file(`${i % 700}`)] as const);
    const { output, summary } = await restore(dir({ deep, many: dir(many) }));
    expect(summary).toMatchObject({ files: 3001, directories: 303, errors: 0 });
    expect(output.text(`deep/${'d/'.repeat(300)}leaf`)).toBe('leaf');
    expect(output.text('many/f2999')).toBe('199');
  });
});

describe('an output that takes one file at a time', () => {
  it('gets no directory while a file that fills more than one wave is incomplete', async () => {
    const chunks = Array.from({ length: MAX_WAVE_CHUNKS + 10 }, (_, i) => `<${i % 50}>`);
    const root = await commitTree(
      repository,
      dir({ a: dir({ big: await chunked(chunks) }), b: dir({ c: file('c') }) }),
    );
    const openMeanwhile: number[] = [];
    const output: MemoryOutput = new MemoryOutput({
      parallel: false,
      onCall: (call) => {
        if (call === 'directory') openMeanwhile.push(output.openFiles);
      },
    });
    await restoreSnapshot(repository, root, output);
    expect(output.text('a/big')).toBe(chunks.join(''));
    expect(openMeanwhile).toEqual([0, 0]);
  });

  it('gets each file whole and in order, and no other call meanwhile', async () => {
    const chunks = Array.from({ length: 40 }, (_, i) => `${i % 3}`.padEnd(100, '.'));
    const { output } = await restore(
      dir({
        a: dir({ f: await chunked(chunks), g: file('g') }),
        b: dir({ c: dir({ d: file('d') }), link: link('l') }),
      }),
      { output: { parallel: false }, memoryLimit: 1000 },
    );
    expect(output.text('a/f')).toBe(chunks.join(''));
    expect(output.maxOpenFiles).toBe(1);
    const start = output.calls.indexOf('file a/f');
    const calls = output.calls.slice(start, output.calls.indexOf('close a/f') + 1);
    expect(calls).toEqual([
      'file a/f',
      ...chunks.map((_, i) => `write a/f ${i * 100}`),
      'close a/f',
    ]);
    expect(output.finished).toEqual(['', 'a', 'a/f', 'a/g', 'b', 'b/c', 'b/c/d', 'b/link']);
  });

  it('loses only what is damaged', async () => {
    const { output, events } = await restore(
      dir({ bad: { type: 'f', objectID: LOST, size: 3 }, good: file('good') }),
      { output: { parallel: false }, ignoreErrors: true },
    );
    expect(output.finished).toEqual(['', 'good']);
    expect(failures(events)).toEqual([['bad', 'CONTENT_NOT_FOUND']]);
  });
});

const LOST = parseObjectID('f'.repeat(32));

describe('skipping and deleting', () => {
  it('leaves alone, and never fetches, a file that the output has', async () => {
    const { output, summary, events } = await restore(
      dir({ same: { type: 'f', objectID: LOST, size: 5 }, other: file('other') }),
      { output: { existing: new Set(['same']) } },
    );
    expect(output.finished).toEqual(['', 'other']);
    expect(summary).toMatchObject({ files: 1, skipped: 1, skippedBytes: 5 });
    expect(events).toContainEqual({
      type: 'entry-skipped',
      path: 'same',
      size: 5,
      reason: 'existing',
    });
  });

  it('deletes what is extra before anything is made in a directory, only if asked to', async () => {
    const tree = dir({ d: dir({ f: file('f') }), l: link('x') });
    expect((await restore(tree)).output.calls.join()).not.toContain('delete');
    const { output } = await restore(tree, { deleteExtra: true });
    expect(output.calls.slice(0, 3)).toEqual([
      'delete extra : d l',
      'directory d',
      'delete extra d: f',
    ]);
  });

  it('deletes nothing in a directory that cannot be read', async () => {
    const { output } = await restore(
      dir({ d: { type: 'd', objectID: parseObjectID(`k${LOST}`) }, e: dir({}) }),
      { deleteExtra: true, ignoreErrors: true },
    );
    expect(output.calls).not.toContain('directory d');
    expect(output.calls.filter((call) => call.startsWith('delete extra d'))).toEqual([]);
    expect(output.finished).toEqual(['', 'e']);
  });
});

describe('a hostile or damaged snapshot', () => {
  const bad = { f: file('x') };

  it.each(['..', '.', '', '/abs', 'a/b', '../up', 'nul\0'])(
    'cannot use the name %j',
    async (name) => {
      for (const node of [file('x'), dir(bad), link('x')]) {
        const tree = dir([
          [name, node],
          ['good', file('good')],
        ]);
        await expect(restore(tree)).rejects.toMatchObject({ code: 'TARGET_UNSAFE' });
        const { output, events } = await restore(tree, { ignoreErrors: true });
        expect(failures(events)).toEqual([[name, 'TARGET_UNSAFE']]);
        expect(output.finished).toEqual(['', 'good']);
      }
    },
  );

  it('has the last of several entries with one name, as Kopia reads it', async () => {
    const { output, events } = await restore(
      dir([
        ['x', link('/etc')],
        ['x', dir({ f: file('f') })],
        ['y', file('first')],
        ['y', file('second')],
      ]),
    );
    expect(output.finished).toEqual(['', 'x', 'x/f', 'y']);
    expect(output.text('y')).toBe('second');
    expect(output.calls).not.toContain('symlink x');
    expect(events.filter((event) => event.type === 'entry-skipped')).toEqual([
      { type: 'entry-skipped', path: 'x', size: 0, reason: 'same-name' },
      { type: 'entry-skipped', path: 'y', size: 5, reason: 'same-name' },
    ]);
  });

  it('has no entries of unknown types', async () => {
    const tree = dir({ odd: { type: 'x', data: 'x' }, good: file('good') });
    await expect(restore(tree)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/^odd .*type "x"/),
    });
    const { events, summary } = await restore(tree, { ignoreErrors: true });
    expect(failures(events)).toEqual([['odd', 'UNSUPPORTED']]);
    expect(summary.errors).toBe(1);
  });

  it('names path and object where a chunk list is damaged, and costs no other file', async () => {
    await using writer = repository.newWriter();
    const objectID = await storeIndexObject(writer, { entries: [{ s: 5, l: 1, o: LOST }] });
    await writer.flush();
    const tree = dir({ d: dir({ f: { type: 'f', objectID, size: 6 } }), good: file('good') });
    await expect(restore(tree)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining(`d/f (object ${objectID})`),
      facts: { path: 'd/f', objectID },
    });
    const { output, events } = await restore(tree, { ignoreErrors: true });
    expect(failures(events)).toEqual([['d/f', 'CORRUPT_DATA']]);
    expect(output.finished).toEqual(['', 'd', 'good']);
  });

  it('leaves out a file of which one chunk is lost, whatever else of it was written', async () => {
    await using writer = repository.newWriter();
    const head = await writer.writeObject(encodeUtf8('head'));
    const objectID = await storeIndexObject(writer, {
      entries: [
        { s: 0, l: 4, o: head },
        { s: 4, l: 4, o: LOST },
      ],
    });
    await writer.flush();
    const tree = dir({ f: { type: 'f', objectID, size: 8 }, good: file('head') });
    await expect(restore(tree)).rejects.toMatchObject({
      code: 'CONTENT_NOT_FOUND',
      facts: { path: 'f', objectID, contentID: LOST },
    });
    const { output, events } = await restore(tree, { ignoreErrors: true });
    expect(failures(events)).toEqual([['f', 'CONTENT_NOT_FOUND']]);
    expect(output.finished).toEqual(['', 'good']);
    expect(output.calls).not.toContain('file f');
  });

  it('fetches no more of a large file once a part of it is lost', async () => {
    await using writer = repository.newWriter();
    const head = await writer.writeObject(encodeUtf8('head'));
    const count = MAX_WAVE_CHUNKS * 6;
    const entries = Array.from({ length: count }, (_, i) => ({
      s: i * 4,
      l: 4,
      o: i === 0 ? LOST : head,
    }));
    const objectID = await storeIndexObject(writer, { entries });
    await writer.flush();
    const root = await commitTree(
      repository,
      dir({ d: dir({ big: { type: 'f', objectID, size: count * 4 } }), z: file('after') }),
    );
    let reads = 0;
    const counting = withContents(repository, {
      readContents: (ids, visit, options) => {
        if ([...ids].every((id) => !id.startsWith('k'))) reads += 1;
        return repository.contents.readContents(ids, visit, options);
      },
    });
    const output = new MemoryOutput();
    const summary = await restoreSnapshot(counting, root, output, { ignoreErrors: true });
    expect(summary).toMatchObject({ errors: 1, files: 1 });
    expect(output.finished).toEqual(['', 'd', 'z']);
    expect(reads).toBeLessThanOrEqual(3);
  });

  it('reports a size that is not the object’s, and with ignoreErrors restores what is stored', async () => {
    const tree = dir({
      short: file('stored', { size: 7 }),
      long: { ...(await chunked(['one', 'two'])), size: 2 },
    });
    await expect(restore(tree)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining('has 6 bytes, its entry says 7'),
    });
    const { output, events } = await restore(tree, { ignoreErrors: true });
    expect(failures(events)).toEqual([
      ['short', 'CORRUPT_DATA'],
      ['long', 'CORRUPT_DATA'],
    ]);
    expect([output.text('short'), output.text('long')]).toEqual(['stored', 'onetwo']);
  });

  it('has no symlink with a target longer than any file system takes', async () => {
    const { events } = await restore(
      dir({ long: link('x'.repeat(70_000)), longer: link('x'.repeat(200_000)) }),
      { ignoreErrors: true },
    );
    expect(failures(events)).toEqual([
      ['long', 'CORRUPT_DATA'],
      ['longer', 'CORRUPT_DATA'],
    ]);
  });

  it('has entries without objects', async () => {
    const { output, events } = await restore(
      dir({
        f: { type: 'f', objectID: undefined },
        d: { type: 'd', objectID: undefined },
        s: { type: 's', objectID: undefined },
      }),
      { ignoreErrors: true },
    );
    expect(failures(events).map(([path]) => path)).toEqual(['f', 's', 'd']);
    expect(output.finished).toEqual(['']);
  });
});

describe('a failure', () => {
  const tree = dir({
    a: file(text(400_000)),
    b: file(text(400_000, 1)),
    c: file('c'),
    d: dir({ e: file('e') }),
  });

  it('of the output ends the restore with nothing half-written and nothing open', async () => {
    const root = await commitTree(repository, tree);
    const error = new LongshoreError('NO_SPACE', 'full', { path: '/target/b' });
    const output = new MemoryOutput({
      onCall: (call, path) => {
        if (call === 'write' && path.startsWith('b')) throw error;
      },
    });
    await expect(restoreSnapshot(repository, root, output)).rejects.toBe(error);
    expect(output.openFiles).toBe(0);
    expect(output.finished).not.toContain('b');
    expect(output.finished).not.toContain('');
  });

  it('of the output is counted with ignoreErrors', async () => {
    const error = new LongshoreError('NO_SPACE', 'full', { path: '/target/b' });
    const { output, events, summary } = await restore(tree, {
      ignoreErrors: true,
      output: {
        onCall: (call, path) => {
          if (call === 'write' && path.startsWith('b')) throw error;
          if (call === 'directory' || call === 'close') {
            if (path === 'd' || path === 'c') throw error;
          }
        },
      },
    });
    expect(
      failures(events)
        .map(([path]) => path)
        .toSorted(),
    ).toEqual(['b', 'c', 'd']);
    expect(output.finished).toEqual(['', 'a']);
    expect(summary).toMatchObject({ errors: 3, files: 1 });
  });

  it('of a storage ends the restore even with ignoreErrors', async () => {
    const root = await commitTree(repository, tree);
    const error = new LongshoreError('STORAGE_FAILED', 'no answer');
    let reads = 0;
    const failing = withContents(repository, {
      readContents: async (ids, visit, options) => {
        reads += 1;
        if (reads > 1) throw error;
        await repository.contents.readContents(ids, visit, options);
      },
    });
    const output = new MemoryOutput();
    const restoring = restoreSnapshot(failing, root, output, { ignoreErrors: true });
    await expect(restoring).rejects.toBe(error);
    expect(output.openFiles).toBe(0);
  });

  it('that is a defect of the program ends the restore even with ignoreErrors', async () => {
    const output = {
      onCall: (call: string) => {
        if (call === 'write') throw new TypeError('defect');
      },
    };
    await expect(restore(tree, { ignoreErrors: true, output })).rejects.toThrow('defect');
  });

  it('by an abort stops all writing and throws the reason', async () => {
    const root = await commitTree(repository, tree);
    const controller = new AbortController();
    const reason = new Error('enough');
    const output = new MemoryOutput({
      onCall: (call) => {
        if (call === 'write') controller.abort(reason);
      },
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    });
    const restoring = restoreSnapshot(repository, root, output, {
      signal: controller.signal,
      ignoreErrors: true,
    });
    await expect(restoring).rejects.toBe(reason);
    expect(output.openFiles).toBe(0);
    expect(output.calls.filter((call) => call.startsWith('write'))).toHaveLength(1);
    expect(output.finished).toEqual([]);
    const count = output.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(output.calls).toHaveLength(count);
  });

  it('by an abort beforehand touches nothing', async () => {
    const reason = new Error('never mind');
    const root = await commitTree(repository, tree);
    const output = new MemoryOutput();
    const restoring = restoreSnapshot(repository, root, output, {
      signal: AbortSignal.abort(reason),
    });
    await expect(restoring).rejects.toBe(reason);
    expect(output.calls).toEqual([]);
  });
});
