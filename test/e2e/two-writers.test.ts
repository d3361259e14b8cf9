import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeTree } from '../local-tree.ts';
import { findMinio, isMinioMissing, startMinio, type Minio } from '../minio.ts';
import { createSeededTree } from '../trees.ts';
import type { EngineOutcome } from './start-engine.ts';
import {
  allSnapshots,
  openEngine,
  openStorage,
  restoreTo,
  verifyAll,
  type StorageLocation,
} from './engine.ts';
import { resultOf, startEngine } from './start-engine.ts';

const ROUNDS = 5;
const WRITERS = ['one', 'two'] as const;
const binary = await findMinio();

let folder: string;
let minio: Minio | undefined;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-writers-'));
  if (binary === undefined) return;
  minio = await startMinio(binary);
  await minio.createBucket('writers');
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await minio?.[Symbol.asyncDispose]();
});

describe.each([
  ['in a folder', false],
  ['on MinIO', isMinioMissing(binary, 'two writers on S3', 1)],
] as const)('two processes that write at once %s', (name, isSkipped) => {
  it.skipIf(isSkipped)(
    'both succeed, again and again, and take nothing from each other',
    async () => {
      const location = locationOf(name);
      const creations = (await both(location, 'create')).map(({ messages }) => messages.at(-1));
      expect(creations).toContainEqual({ type: 'done' });
      // It sees the other's repository, or the half of it that is there already.
      const code = expect.stringMatching(/^(?:REPOSITORY_EXISTS|CORRUPT_DATA)$/) as string;
      expect(creations).toContainEqual(expect.objectContaining({ type: 'failed', code }));
      for (let round = 0; round < ROUNDS; round++) {
        for (const writer of WRITERS) {
          createSeededTree(join(treeOf(name, writer), `both${round}`), {
            seed: round,
            files: 60,
            totalBytes: 5_000_000,
          });
          createSeededTree(join(treeOf(name, writer), `own${round}`), {
            seed: 100 * round + WRITERS.indexOf(writer),
            files: 30,
            totalBytes: 2_000_000,
          });
        }
        const ids = (await both(location, 'snapshot')).map((one) => resultOf(one).snapshotID!);
        await checkBoth(name, location, ids);
      }
    },
  );

  function both(
    location: StorageLocation,
    action: 'create' | 'snapshot',
  ): Promise<readonly [EngineOutcome, EngineOutcome]> {
    const start = (userName: (typeof WRITERS)[number]): Promise<EngineOutcome> =>
      startEngine({
        location,
        threads: false,
        userName,
        checkpointIntervalMs: 50,
        action,
        tree: treeOf(name, userName),
      }).ended;
    return Promise.all([start('one'), start('two')]);
  }
});

function treeOf(name: string, writer: string): string {
  return join(folder, `${name}-${writer}`);
}

function locationOf(name: string): StorageLocation {
  if (name === 'in a folder') {
    const path = join(folder, 'repository');
    mkdirSync(path);
    return { kind: 'filesystem', path };
  }
  const { endpoint, accessKeyID, secretAccessKey } = minio!;
  return { kind: 's3', endpoint, accessKeyID, secretAccessKey, bucket: 'writers', prefix: '' };
}

async function checkBoth(
  name: string,
  location: StorageLocation,
  ids: readonly string[],
): Promise<void> {
  await using storage = await openStorage(location);
  await using repository = await openEngine(storage);
  const snapshots = await allSnapshots(repository);
  for (const [index, id] of ids.entries()) {
    const snapshot = snapshots.find((one) => one.id === id);
    const target = mkdtempSync(join(folder, 'restored-'));
    await restoreTo(repository, snapshot!, target);
    expect(await describeTree(target)).toEqual(await describeTree(treeOf(name, WRITERS[index]!)));
    rmSync(target, { recursive: true });
  }
  expect(await verifyAll(repository)).toMatchObject({ errorCount: 0, finished: true });
}
