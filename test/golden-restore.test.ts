import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRepository, type ContentEngineFactory, type OpenRepository } from '@longshore/repo';
import { nativeAlgorithms, nativeEngine, openFilesystemStorage } from '@longshore/repo/node';
import { listSnapshots, type DirEntry } from '@longshore/snapshot';
import { openLocalOutput } from '@longshore/snapshot/node';
import { restoreSnapshot } from '../packages/snapshot/src/restore/restore.ts';
import { verifySnapshots } from '../packages/snapshot/src/verify/verify.ts';
import { goldenRepositories, type GoldenRepository, type GoldenTreeEntry } from './golden.ts';

const isRoot = process.getuid?.() === 0;
const golden = goldenRepositories();

async function openGolden(
  { path, expected }: GoldenRepository,
  engine: ContentEngineFactory | undefined,
): Promise<OpenRepository> {
  const storage = await openFilesystemStorage({ path });
  return openRepository({
    storage,
    password: expected.password,
    algorithms: nativeAlgorithms(),
    ...(engine === undefined ? {} : { engine }),
  });
}

/** Everything at and below `path` as the expectations say it; owners only where they can be set. */
function treeAt(root: string, path = '.'): readonly GoldenTreeEntry[] {
  const full = join(root, path);
  const { mode, mtimeNs, uid, gid, size } = lstatSync(full, { bigint: true });
  const common = {
    path,
    mode: `0o${(Number(mode) & 0o7777).toString(8)}`,
    mtimeNs: mtimeNs.toString(),
    uid: Number(uid),
    gid: Number(gid),
  };
  const type = Number(mode) & 0o170000;
  if (type === 0o120000) return [{ ...common, type: 'symlink', target: readlinkSync(full) }];
  if (type === 0o100000) {
    const sha256 = createHash('sha256').update(readFileSync(full)).digest('hex');
    return [{ ...common, type: 'file', size: Number(size), sha256 }];
  }
  const below = readdirSync(full).flatMap((name) =>
    treeAt(root, path === '.' ? name : `${path}/${name}`),
  );
  return [{ ...common, type: 'dir' }, ...below];
}

/** Kopia's expectations have no tree for a snapshot of a single file: its manifest and object say what it is. */
async function singleFile(
  repository: OpenRepository,
  { name, mode, mtime, uid, gid, size, objectID }: DirEntry,
): Promise<GoldenTreeEntry> {
  await using reader = await repository.openObject(objectID!);
  const data = await reader.read({ offset: 0, length: reader.length });
  return {
    path: name,
    type: 'file',
    mode: `0o${mode.toString(8)}`,
    mtimeNs: mtime.toString(),
    uid,
    gid,
    size,
    sha256: createHash('sha256').update(data).digest('hex'),
  };
}

function comparable(entries: readonly GoldenTreeEntry[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    entries.map(({ uid, gid, ...entry }) => [entry.path, isRoot ? { uid, gid, ...entry } : entry]),
  );
}

if (golden.length === 0) process.stderr.write('SKIPPED: no golden repositories are at hand\n');
if (!isRoot) process.stderr.write('SKIPPED: owners are not compared, because this is not root\n');

const cases = golden.flatMap((each) => [
  [each.name, 'in one thread', each, undefined] as const,
  [each.name, 'by workers', each, nativeEngine({ workers: 2 })] as const,
]);

describe.each(cases)('%s, %s', (_name, _how, each, engine) => {
  let target: string;
  beforeEach(() => {
    target = mkdtempSync(join(tmpdir(), 'longshore-restore-'));
  });
  afterEach(() => rmSync(target, { recursive: true }));

  it('restores every snapshot as Kopia took it', async () => {
    await using repository = await openGolden(each, engine);
    const snapshots = await listSnapshots(repository);
    expect(new Set<unknown>(snapshots.map(({ id }) => id))).toEqual(
      new Set(each.expected.snapshots.map(({ id }) => id)),
    );
    for (const { id, rootEntry } of snapshots) {
      const path = join(target, id);
      await using output = openLocalOutput(path);
      const summary = await restoreSnapshot(repository, rootEntry!, output);
      expect(summary).toMatchObject({ errors: 0, skipped: 0, exactTimes: true });
      const root = rootEntry!.type === 'd' ? '.' : rootEntry!.name;
      const tree = each.expected.trees[id] ?? [await singleFile(repository, rootEntry!)];
      expect(comparable(treeAt(path, root))).toEqual(comparable(tree));
      rmSync(path, { recursive: true });
    }
  });

  it('verifies to the last byte', async () => {
    await using repository = await openGolden(each, engine);
    const roots = (await listSnapshots(repository)).map(({ id, rootEntry }) => ({
      name: id,
      entry: rootEntry!,
    }));
    const result = await verifySnapshots(repository, roots, { verifyFilesPercent: 100 });
    expect(result.errors).toEqual([]);
    expect(result).toMatchObject({ errorCount: 0, finished: true, filesRead: result.files });
    expect(result.files).toBeGreaterThan(0);
  });
});
