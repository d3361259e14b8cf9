import {
  createSystemClock,
  systemSleep,
  webRandomSource,
  type OpenWritableRepository,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DirectoryEntry } from '../entry.ts';
import { DEFAULT_POLICY, type LoggingPolicy, type Policy } from '../policy/policy.ts';
import { buildPolicyTree } from '../policy/policy-tree.ts';
import type { SnapshotDraft, SnapshotManifest } from '../snapshot-manifest.ts';
import { createTestRepository } from '../tree-fixture.ts';
import { MemorySource } from './memory-source.ts';
import type { UploadLogLine, UploadLogOptions } from './upload-log.ts';
import { uploadTree } from './uploader.ts';

let repository: OpenWritableRepository;
let source: MemorySource;

beforeAll(async () => {
  ({ repository } = await createTestRepository(nativeAlgorithms()));
});

beforeEach(() => {
  source = new MemorySource();
});

interface Logged {
  readonly draft: SnapshotDraft;
  readonly lines: readonly UploadLogLine[];
}

/** Uploads with a clock that a second goes by on whenever it is read. */
async function upload(
  root: DirectoryEntry,
  logging: LoggingPolicy,
  options: {
    readonly previous?: SnapshotDraft;
    readonly policies?: Partial<Policy>;
    readonly below?: ReadonlyMap<string, Policy>;
    readonly details?: Pick<UploadLogOptions, 'directoryDetail' | 'entryDetail'>;
    readonly forceHashPercent?: number;
  } = {},
): Promise<Logged> {
  const lines: UploadLogLine[] = [];
  let now = 0;
  const { previous, policies, below, details, forceHashPercent = 0 } = options;
  await using writer = repository.newWriter();
  const draft = await uploadTree(writer, root, {
    source: { host: 'host', userName: 'user', path: '/data' },
    policy: buildPolicyTree({ ...DEFAULT_POLICY, ...policies, logging }, below),
    previous: previous === undefined ? [] : [{ ...previous, id: '0' as SnapshotManifest['id'] }],
    clock: createSystemClock(),
    random: webRandomSource,
    sleep: systemSleep,
    defaultParallelism: 1,
    forceHashPercent,
    log: { write: (line) => lines.push(line), nowMs: () => (now += 1000), ...details },
  });
  await writer.flush();
  return { draft, lines };
}

function level(all: number): LoggingPolicy {
  return {
    directories: { snapshotted: all, ignored: all },
    entries: { snapshotted: all, ignored: all, cacheHit: all, cacheMiss: all },
  };
}

const tree = (): DirectoryEntry =>
  source.directory('data', [
    source.file('file', 'four'),
    source.symlink('link', 'file'),
    source.directory('sub', [source.file('deep', 'deep')]),
  ]);

function messages({ lines }: Logged): readonly string[] {
  return lines.map(({ message, details }) => `${message} ${details.path}`).sort();
}

function detailNames({ lines }: Logged, path: string): readonly string[] {
  return Object.keys(lines.find(({ details }) => details.path === path)?.details ?? {});
}

describe('the log of an upload', () => {
  it('tells of nothing at level 0', async () => {
    expect((await upload(tree(), level(0))).lines).toEqual([]);
  });

  it('tells of everything that was stored, of the root as a dot', async () => {
    expect(messages(await upload(tree(), level(1)))).toEqual([
      'snapshotted directory .',
      'snapshotted directory sub',
      'snapshotted file file',
      'snapshotted file sub/deep',
      'snapshotted symlink link',
    ]);
  });

  it.each([
    [1, ['path', 'durationMs'], ['path', 'durationMs']],
    [3, ['path', 'durationMs', 'size'], ['path', 'durationMs', 'size']],
    [5, ['path', 'durationMs', 'size'], ['path', 'durationMs', 'size', 'files', 'dirs', 'errors']],
    [
      6,
      ['path', 'durationMs', 'size', 'mtime'],
      ['path', 'durationMs', 'size', 'files', 'dirs', 'errors', 'mtime'],
    ],
    [
      10,
      ['path', 'durationMs', 'size', 'mtime', 'objectID'],
      ['path', 'durationMs', 'size', 'files', 'dirs', 'errors', 'mtime', 'objectID'],
    ],
  ])('at level %i has these details', async (detail, ofFile, ofDirectory) => {
    const logged = await upload(tree(), level(detail));
    expect(detailNames(logged, 'file')).toEqual(ofFile);
    expect(detailNames(logged, 'sub')).toEqual(ofDirectory);
  });

  it('tells totals of directories, and sizes and objects as they are stored', async () => {
    const { draft, lines } = await upload(tree(), level(10));
    const root = lines.find(({ details }) => details.path === '.');
    expect(root?.details).toMatchObject({ size: 8, files: 2, dirs: 2, errors: 0 });
    expect(root?.details.objectID).toBe(draft.rootEntry?.objectID);
    expect(root?.details.durationMs).toBeGreaterThan(0);
  });

  it('lets the caller overrule what policies say about what was stored, and not about what was ignored', async () => {
    const root = source.directory('data', [source.file('a', 'a'), source.file('b.tmp', 'b')]);
    const policies = { files: { ignore: ['*.tmp'] } };
    const silenced = await upload(root, level(5), {
      policies,
      details: { directoryDetail: 0, entryDetail: 0 },
    });
    expect(messages(silenced)).toEqual(['ignored b.tmp']);
    const told = await upload(root, level(0), {
      policies,
      details: { directoryDetail: 3, entryDetail: 1 },
    });
    expect(messages(told)).toEqual(['snapshotted directory .', 'snapshotted file a']);
    expect(detailNames(told, '.')).toEqual(['path', 'durationMs', 'size']);
  });

  it('tells what rules left out, folders apart from files', async () => {
    const root = source.directory('data', [
      source.file('a.tmp', 'a'),
      source.directory('b.tmp', []),
      source.file('CACHEDIR.TAG', 'none'),
    ]);
    const policies = { files: { ignore: ['*.tmp', 'CACHEDIR.TAG'] } };
    const all = await upload(root, level(1), { policies });
    expect(messages(all)).toEqual([
      'ignored CACHEDIR.TAG',
      'ignored a.tmp',
      'ignored directory b.tmp',
      'snapshotted directory .',
    ]);
    const files = await upload(root, { directories: {}, entries: { ignored: 1 } }, { policies });
    expect(messages(files)).toEqual(['ignored CACHEDIR.TAG', 'ignored a.tmp']);
  });

  it('tells hits and misses of what an earlier snapshot has', async () => {
    const first = await upload(tree(), level(0));
    const changed = source.directory('data', [
      source.file('file', 'other'),
      source.symlink('link', 'file'),
      source.file('new', 'new'),
    ]);
    const second = await upload(changed, level(5), { previous: first.draft });
    expect(messages(second)).toEqual([
      'cache miss file',
      'cached link',
      'snapshotted directory .',
      'snapshotted file file',
      'snapshotted file new',
    ]);
    const [miss] = second.lines.filter(({ message }) => message === 'cache miss');
    expect(miss?.details).toMatchObject({ size: 4, entry: { type: 'f', mode: 0o644 } });
    const fewer = await upload(changed, level(4), { previous: first.draft });
    expect(messages(fewer)).not.toContain('cache miss file');
  });

  it('tells what was read though it did not change', async () => {
    const first = await upload(tree(), level(0));
    const again = await upload(tree(), level(0), { previous: first.draft, forceHashPercent: 100 });
    expect(messages(again)).toEqual([
      're-hashing cached object file',
      're-hashing cached object link',
      're-hashing cached object sub/deep',
    ]);
  });

  it('tells failures at every level', async () => {
    const root = source.directory('data', [
      source.file('broken', 'broken', { error: 'input/output error' }),
      source.directory('closed', [], { error: 'permission denied' }),
    ]);
    const { lines } = await upload(root, level(0));
    expect(lines.map(({ message, details }) => `${message} ${details.path}`).sort()).toEqual([
      'snapshotted directory closed',
      'snapshotted file broken',
    ]);
    const errors = lines.map(({ details }) => details.error ?? '').sort();
    expect(errors).toEqual([
      expect.stringContaining('permission denied'),
      expect.stringContaining('input/output error'),
    ]);
  });

  it('goes by the policy of the folder that an entry is in', async () => {
    const below = new Map([['sub', { ...DEFAULT_POLICY, logging: level(1) }]]);
    const logged = await upload(tree(), level(0), { below });
    expect(messages(logged)).toEqual(['snapshotted directory sub', 'snapshotted file sub/deep']);
  });
});
