import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseBlobID, type OpenRepository } from '@longshore/repo';
import { openFilesystemStorage } from '@longshore/repo/node';
import type { SnapshotManifest } from '@longshore/snapshot';
import { createSeededRandom } from '../../packages/repo/src/blob/seeded-random.ts';
import type { GoldenTreeEntry } from '../golden.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { describeTree } from '../local-tree.ts';
import { createSeededTree } from '../trees.ts';
import type { ChildRequest, KillPoint } from './child-protocol.ts';
import {
  allSnapshots,
  openEngine,
  PASSWORD,
  restoreTo,
  sourceOf,
  takeSnapshot,
  verifyAll,
} from './engine.ts';
import { resultOf, runEngine, startEngine } from './start-engine.ts';
import { checkWholeBlobs, cloneRepository, type FoundFiles } from './whole-blobs.ts';

const SEED = Number(process.env['LONGSHORE_KILL_SEED'] ?? 1);
const IS_LARGE = process.env['LONGSHORE_LARGE'] === '1';
/** Kills in a row on one repository, before a run is let through. */
const KILLS_PER_CHAIN = 3;
const CHAINS = IS_LARGE ? 40 : 10;
const NEW_BYTES = IS_LARGE ? 300_000_000 : 24_000_000;

const kopia = findKopia();
let folder: string;
let tree: string;
/** With one snapshot of the tree as it was before most of it came. */
let base: string;
let before: readonly GoldenTreeEntry[];
let after: readonly GoldenTreeEntry[];
let committedID: string;
let fresh: { readonly newBytes: number; readonly milliseconds: number };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-killed-'));
  tree = join(folder, 'tree');
  base = join(folder, 'base');
  mkdirSync(base);
  createSeededTree(join(tree, 'old'), { seed: SEED, files: 60, totalBytes: 4_000_000 });
  before = await describeTree(tree);
  await runEngine({
    action: 'create',
    location: { kind: 'filesystem', path: base },
    threads: false,
  });
  const first = await runEngine(snapshotRequest(base));
  committedID = first.snapshotID!;
  createSeededTree(join(tree, 'new'), {
    seed: SEED + 1,
    files: 500,
    totalBytes: NEW_BYTES,
    symlinks: 5,
    sparseFiles: 1,
  });
  after = await describeTree(tree);
  const path = clone('measured');
  const { messages, wallMilliseconds } = await startEngine(snapshotRequest(path)).ended;
  const done = messages.at(-1);
  if (done?.type !== 'done') throw new Error(JSON.stringify(done));
  fresh = { newBytes: done.newBytes!, milliseconds: wallMilliseconds };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let path: string;
let copies = 0;
beforeEach(() => {
  path = clone(`repo${copies++}`);
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

function clone(name: string): string {
  const copy = join(folder, name);
  cloneRepository(base, copy);
  return copy;
}

function snapshotRequest(repository: string, options: Partial<ChildRequest> = {}): ChildRequest {
  return {
    location: { kind: 'filesystem', path: repository },
    threads: true,
    ...options,
    action: 'snapshot',
    tree,
  };
}

async function restored(
  repository: OpenRepository,
  snapshot: SnapshotManifest,
): Promise<readonly GoldenTreeEntry[]> {
  const target = mkdtempSync(join(folder, 'restored-'));
  try {
    await restoreTo(repository, snapshot, target);
    return await describeTree(target);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

/** What was committed before the kill is whole, and nothing else looks as if it were. */
async function checkSurvivors(): Promise<FoundFiles> {
  await using repository = await openEngine(await openFilesystemStorage({ path }));
  const snapshots = await allSnapshots(repository);
  const committed = snapshots.find(({ id }) => id === committedID);
  expect(committed).toBeDefined();
  expect(await restored(repository, committed!)).toEqual(before);
  expect((await verifyAll(repository)).errors).toEqual([]);
  return checkWholeBlobs(path, repository);
}

/** A run that is let through, and that leaves everything as if nobody had ever been killed. */
async function checkNextRun(): Promise<number> {
  await using repository = await openEngine(await openFilesystemStorage({ path }));
  const { newBytes, snapshot } = await takeSnapshot(repository, tree, { source: sourceOf(tree) });
  expect(snapshot.incomplete).toBeUndefined();
  const snapshots = await allSnapshots(repository);
  expect(snapshots.map(({ id }) => id)).toEqual(expect.arrayContaining([committedID, snapshot.id]));
  expect(await restored(repository, snapshot)).toEqual(after);
  expect(await verifyAll(repository)).toMatchObject({ errorCount: 0, finished: true });
  return newBytes;
}

describe('an engine that is killed', () => {
  it(
    `at ${CHAINS * KILLS_PER_CHAIN} moments of its run leaves every committed snapshot whole (seed ${SEED})`,
    { timeout: 30 * 60_000 },
    async () => {
      const random = createSeededRandom(SEED);
      const kills = CHAINS * KILLS_PER_CHAIN;
      // One delay out of each stretch of the run, the last beyond its end, in an order that mixes them.
      const delays = Array.from(
        { length: kills },
        (_, index) => ((index + random()) / kills) * fresh.milliseconds * 1.1,
      );
      let killed = 0;
      for (let chain = 0; chain < CHAINS; chain++) {
        rmSync(path, { recursive: true });
        cloneRepository(base, path);
        for (let link = 0; link < KILLS_PER_CHAIN; link++) {
          const request = snapshotRequest(path, {
            checkpointIntervalMs: 30,
            threads: link % 2 === 0,
          });
          const engine = startEngine(request);
          await sleep(delays[link * CHAINS + chain]);
          engine.kill();
          const { signal } = await engine.ended;
          if (signal === 'SIGKILL') killed++;
          await checkSurvivors();
        }
        expect(await checkNextRun()).toBeLessThanOrEqual(fresh.newBytes * 1.05);
      }
      expect(killed).toBeGreaterThan(kills * 0.6);
    },
  );

  it('after a checkpoint lets the next run go on from there', async () => {
    const engine = startEngine(snapshotRequest(path, { checkpointIntervalMs: 20 }), ({ type }) => {
      if (type === 'checkpoint') engine.kill();
    });
    const { messages, signal } = await engine.ended;
    expect(messages.map(({ type }) => type)).toContain('checkpoint');
    expect(signal).toBe('SIGKILL');
    await checkSurvivors();
    {
      await using repository = await openEngine(await openFilesystemStorage({ path }));
      const checkpoints = (await allSnapshots(repository)).filter(
        ({ incomplete }) => incomplete === 'checkpoint',
      );
      expect(checkpoints.length).toBeGreaterThan(0);
    }
    const newBytes = await checkNextRun();
    expect(newBytes).toBeLessThan(fresh.newBytes * 0.9);
  });

  it('in the middle of writing a pack leaves a temporary file that nobody sees', async () => {
    const engine = startEngine(snapshotRequest(path));
    const ended = engine.ended.then(() => true);
    while (!temporaryPacks(path) && !(await Promise.race([ended, sleep(1, false)])));
    engine.kill();
    expect((await engine.ended).signal).toBe('SIGKILL');
    expect((await checkSurvivors()).temporaryFiles).toBeGreaterThan(0);
    await checkNextRun();
  });

  const points: readonly (KillPoint & { readonly checkpointIntervalMs?: number })[] = (
    ['before', 'after'] as const
  ).flatMap((when) => [
    { operation: 'put', idPrefix: 's', skip: 0, when },
    { operation: 'put', idPrefix: 'p', skip: 0, when },
    { operation: 'put', idPrefix: 'p', skip: 1, when },
    { operation: 'put', idPrefix: 'q', skip: 0, when },
    { operation: 'put', idPrefix: 'x', skip: 0, when },
    { operation: 'put', idPrefix: 'x', skip: 1, when, checkpointIntervalMs: 20 },
    { operation: 'delete', idPrefix: 's', skip: 0, when },
  ]);

  it.each(points)(
    '$when $operation of $idPrefix after $skip others leaves every committed snapshot whole',
    async ({ checkpointIntervalMs = 0, ...killPoint }) => {
      const options = { killPoint, checkpointIntervalMs, threads: false };
      const { signal } = await startEngine(snapshotRequest(path, options)).ended;
      expect(signal).toBe('SIGKILL');
      const { blobs } = await checkSurvivors();
      // The index of a checkpoint, or of the snapshot itself, tells the next run what is there.
      const isIndexed = blobs.filter(({ id }) => id.startsWith('xn')).length > 1;
      expect((await checkNextRun()) < fresh.newBytes - 4096).toBe(isIndexed);
    },
  );

  const refusal = {
    type: 'failed',
    code: 'CORRUPT_DATA',
    text: expect.stringContaining('remove kopia.blobcfg') as string,
  };
  it.each([
    { when: 'before' as const, idPrefix: 'kopia.blobcfg', next: { type: 'done' } },
    { when: 'after' as const, idPrefix: 'kopia.blobcfg', next: refusal },
    { when: 'before' as const, idPrefix: 'kopia.repository', next: refusal },
    {
      when: 'after' as const,
      idPrefix: 'kopia.repository',
      next: { type: 'failed', code: 'REPOSITORY_EXISTS' },
    },
  ])('$when $idPrefix is put leaves a folder that can become a repository', async (point) => {
    const { when, idPrefix, next } = point;
    const empty = join(folder, `created-${when}-${idPrefix}`);
    mkdirSync(empty);
    const location = { kind: 'filesystem', path: empty } as const;
    const killPoint = { operation: 'put', skip: 0, when, idPrefix } as const;
    const request: ChildRequest = { action: 'create', location, threads: false };
    expect((await startEngine({ ...request, killPoint }).ended).signal).toBe('SIGKILL');
    expect((await startEngine(request).ended).messages.at(-1)).toMatchObject(next);
    const storage = await openFilesystemStorage({ path: empty });
    if (next === refusal) {
      await storage.deleteBlob(parseBlobID('kopia.blobcfg'));
      await runEngine(request);
    }
    await using repository = await openEngine(storage);
    await takeSnapshot(repository, join(tree, 'old'));
    expect((await verifyAll(repository)).errors).toEqual([]);
  });

  it.skipIf(isKopiaMissing(kopia, 'what killed engines leave', 1))(
    'leaves a repository that Kopia verifies to the last byte',
    async () => {
      for (const killPoint of points.slice(1, 7)) {
        await startEngine(snapshotRequest(path, { killPoint, checkpointIntervalMs: 20 })).ended;
      }
      resultOf(await startEngine(snapshotRequest(path)).ended);
      await using client = await KopiaClient.connect({ binary: kopia!, password: PASSWORD, path });
      await client.verify();
      const snapshots = await client.snapshots();
      expect(snapshots.filter(({ incomplete }) => incomplete === undefined)).toHaveLength(2);
    },
  );
});

function temporaryPacks(root: string): boolean {
  return readdirSync(root, { recursive: true }).some((name) => /^p.*\.tmp\./.test(String(name)));
}
