import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  loadSchedule,
  type FormatVersion,
  type MaintenanceMode,
  type MaintenanceRun,
  type SafetyLevel,
} from '@longshore/repo';
import { diagnoseRepository, maintainRepository } from '@longshore/snapshot';
import { describe, expect, it } from 'vitest';
import { createMaintenanceLock } from '@longshore/repo/node';
import { createSeededRandom } from '../../packages/repo/src/blob/seeded-random.ts';
import { loadFlock } from '../../packages/repo/src/node/flock.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { asKopiaRestores, describeTree } from '../local-tree.ts';
import { LongshoreClient } from '../longshore.ts';
import { changeTree, createSampleTree, randomBytes } from '../sample-tree.ts';
import { Workspace } from './workspace.ts';

const PASSWORD = 'maintained by both';
const VERSIONS: readonly FormatVersion[] = [1, 2, 3];
const SNAPSHOTS = 4;
const ONLY_BYTES = 30_000;

const kopiaBinary = findKopia();

/** Runs of each task, as Kopia prints them. */
interface KopiaMaintenanceInfo {
  readonly owner: string;
  readonly schedule: {
    readonly runs: Readonly<
      Record<string, readonly { readonly success?: boolean; readonly extra?: unknown }[]>
    >;
  };
}

/** A repository of Kopia's with snapshots of a changing tree, one of which was deleted again. */
async function createByKopia(
  work: Workspace,
  version: FormatVersion,
): Promise<{ readonly kopia: KopiaClient; readonly path: string; readonly tree: string }> {
  const path = work.folder('repo');
  const tree = work.folder('data');
  createSampleTree(tree, { seed: 7, files: 6, largestFile: 4000 });
  const random = createSeededRandom(7);
  const flags = [`--format-version=${version}`];
  const kopia = await KopiaClient.create({ binary: kopiaBinary!, password: PASSWORD, path, flags });
  const ids: string[] = [];
  for (let i = 0; i < SNAPSHOTS; i++) {
    // No two snapshots share this file.
    writeFileSync(join(tree, 'ever new'), randomBytes(random, ONLY_BYTES));
    ids.push((await kopia.snapshot(tree)).id);
    changeTree(tree, random);
  }
  await kopia.run('snapshot', 'delete', ids[1]!, '--delete');
  return { kopia, path, tree };
}

/** Everything that Kopia can check without changing anything. */
async function expectKopiaContent(kopia: KopiaClient): Promise<void> {
  await kopia.verify();
  await kopia.run('content', 'verify');
  await kopia.run('index', 'inspect', '--active');
  await kopia.run('maintenance', 'info');
  await kopia.run('blob', 'list');
}

async function packBytes(kopia: KopiaClient): Promise<number> {
  const blobs = await kopia.json<{ readonly length: number }[]>('blob', 'list', '--prefix=p');
  return blobs.reduce((sum, { length }) => sum + length, 0);
}

async function maintain(
  path: string,
  mode: MaintenanceMode,
  safety: SafetyLevel,
): Promise<LongshoreClient> {
  const ours = await LongshoreClient.open({ path, password: PASSWORD });
  await maintainRepository(ours.repository, { mode, safety });
  return ours;
}

describe
  .skipIf(isKopiaMissing(kopiaBinary, 'maintenance beside Kopia', 3 * VERSIONS.length))
  .each(VERSIONS)('maintenance of format version %i', (version) => {
  it('by longshore leaves Kopia content, and frees space', async () => {
    using work = new Workspace('maintenance');
    const created = await createByKopia(work, version);
    await using kopia = created.kopia;
    const before = await packBytes(kopia);
    for (const [mode, safety] of [
      ['full', 'full'],
      ['quick', 'full'],
      ['quick', 'none'],
      ['full', 'none'],
      ['full', 'none'],
      ['quick', 'none'],
    ] as const) {
      await using ours = await maintain(created.path, mode, safety);
      await expectKopiaContent(kopia);
      expect((await ours.verify()).errors).toEqual([]);
    }
    // Kopia goes on where longshore stopped.
    await kopia.run('maintenance', 'run', '--full', '--safety=none');
    writeFileSync(join(created.tree, 'later'), 'after maintenance\n');
    const { id } = await kopia.snapshot(created.tree);
    // With a second short pack the first one is rewritten, without what was dropped from the index.
    await (await maintain(created.path, 'full', 'none'))[Symbol.asyncDispose]();
    await expectKopiaContent(kopia);
    expect(await packBytes(kopia)).toBeLessThan(before - ONLY_BYTES);
    await kopia.run('snapshot', 'restore', id, work.unused('restored'));
    expect(asKopiaRestores(await describeTree(work.unused('restored')))).toEqual(
      asKopiaRestores(await describeTree(created.tree)),
    );
  });

  it('by Kopia leaves longshore content', async () => {
    using work = new Workspace('maintenance');
    const path = work.folder('repo');
    const tree = work.folder('data');
    createSampleTree(tree, { seed: 3 });
    await using ours = await LongshoreClient.create({ path, password: PASSWORD, version });
    const source = { userName: 'tester', host: 'kopia-host', path: tree };
    const first = await ours.snapshot(tree, source);
    for (let i = 0; i < SNAPSHOTS; i++) {
      changeTree(tree, createSeededRandom(i));
      await ours.snapshot(tree, source);
    }
    await ours.deleteSnapshot(first.snapshot!.id);
    await using kopia = await KopiaClient.connect({
      binary: kopiaBinary!,
      password: PASSWORD,
      path,
    });
    for (const run of [['--full', '--safety=none'], ['--full'], [], ['--full', '--safety=none']]) {
      await kopia.run('maintenance', 'run', ...run);
      expect((await ours.verify()).errors).toEqual([]);
    }
    const [snapshot] = (await ours.snapshots()).slice(-1);
    await ours.restore(snapshot!, work.unused('restored'));
    expect(await describeTree(work.unused('restored'))).toEqual(await describeTree(tree));
    const findings = await diagnoseRepository(ours.repository);
    expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
  });

  it('does the same tasks with the same figures as Kopia on a copy', async () => {
    using work = new Workspace('maintenance');
    const created = await createByKopia(work, version);
    await using kopia = created.kopia;
    const copy = work.unused('copy');
    cpSync(created.path, copy, { recursive: true, preserveTimestamps: true });
    await kopia.run('maintenance', 'run', '--full', '--safety=none');
    await using ours = await maintain(copy, 'full', 'none');
    await using copied = await KopiaClient.connect({
      binary: kopiaBinary!,
      password: PASSWORD,
      path: copy,
    });
    const [theirs, own] = await Promise.all(
      [kopia, copied].map(async (client) => {
        const info = await client.json<KopiaMaintenanceInfo>('maintenance', 'info');
        expect(info.owner).toBe('tester@kopia-host');
        return Object.entries(info.schedule.runs).map(([task, [latest]]) => [
          task,
          latest?.success,
          comparable(task, latest?.extra),
        ]);
      }),
    );
    expect(own).toEqual(theirs);
    const { storage, formatManager } = ours.repository;
    const { runs } = await loadSchedule(storage, formatManager);
    expect(order(runs)).toEqual(order(await scheduleOf(created.path)));
  });
});

/** Times differ from run to run, and after the rewriting of contents also the sizes of packs and indexes. */
function comparable(task: string, extra: unknown): string {
  const text = JSON.stringify(extra ?? null).replaceAll(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"time"');
  if (task === 'snapshot-gc' || task === 'full-rewrite-contents') return text;
  const unsized = text.replaceAll(/"(\w*Size)":\d+/g, '"$1":"bytes"');
  // A run of Kopia's that takes longer has stored more of its own log by then.
  return task === 'cleanup-logs' ? unsized.replaceAll(/"(\w*Count)":\d+/g, '"$1":"some"') : unsized;
}

async function scheduleOf(path: string): Promise<ReadonlyMap<string, readonly MaintenanceRun[]>> {
  await using client = await LongshoreClient.open({ path, password: PASSWORD });
  const { storage, formatManager } = client.repository;
  return (await loadSchedule(storage, formatManager)).runs;
}

/** Tasks in the order of their latest runs. */
function order(runs: ReadonlyMap<string, readonly MaintenanceRun[]>): readonly string[] {
  return [...runs]
    .toSorted(([, [a]], [, [b]]) => Number(a!.start - b!.start))
    .map(([task]) => task);
}

function isFlockMissing(): boolean {
  if (loadFlock() !== undefined) return false;
  console.warn('SKIPPED: 1 test of the maintenance lock beside Kopia: Node cannot call libc.');
  return true;
}

describe.skipIf(isKopiaMissing(kopiaBinary, 'the maintenance lock', 1))('the lock', () => {
  it.skipIf(isFlockMissing())('of longshore makes Kopia leave maintenance to it', async () => {
    using work = new Workspace('lock');
    const { kopia } = await createByKopia(work, 3);
    await using _ = kopia;
    const runs = async (): Promise<KopiaMaintenanceInfo['schedule']['runs']> =>
      (await kopia.json<KopiaMaintenanceInfo>('maintenance', 'info')).schedule.runs;
    const before = await runs();
    const held = await createMaintenanceLock(kopia.configFile).tryAcquire();
    await kopia.run('maintenance', 'run', '--full');
    expect(await runs()).toEqual(before);
    await held![Symbol.asyncDispose]();
    await kopia.run('maintenance', 'run', '--full');
    expect(await runs()).not.toEqual(before);
  });
});
