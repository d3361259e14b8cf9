import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRepository, HASH_NAMES, writeSession } from '@longshore/repo';
import { nativeAlgorithms, nativeEngine } from '@longshore/repo/node';
import {
  createSnapshot,
  DEFAULT_POLICY,
  GLOBAL_SOURCE,
  initializeRepository,
  setPolicy,
} from '@longshore/snapshot';
import { openLocalEntry } from '@longshore/snapshot/node';
import { createDiscardingStorage, type DiscardedTotals } from './discarding-storage.ts';
import type { FormatChoice } from './engine-request.ts';

/*
 * Backs up a folder with the whole engine into a storage that forgets, twice, and prints what that was. Nothing is
 * written anywhere.
 */

export interface EstimateRequest {
  readonly directory: string;
  readonly format: FormatChoice;
}

/** What one snapshot took. */
export interface SnapshotCost extends DiscardedTotals {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly files: number;
  readonly folders: number;
  readonly bytes: number;
}

/** Files by how long ago they changed. */
export interface ChangeCounts {
  /** Changed within so many days. */
  readonly days: number;
  readonly files: number;
  readonly bytes: number;
}

export interface EstimateAnswer {
  readonly first: SnapshotCost;
  readonly unchanged: SnapshotCost;
  readonly changes: ChangeCounts;
}

const CHANGE_DAYS = 7;
const DAY_MS = 86_400_000;

async function run({ directory, format }: EstimateRequest): Promise<EstimateAnswer> {
  const { storage, totals } = createDiscardingStorage();
  const hash = HASH_NAMES.find((name) => name === format.hash);
  await using repository = await createRepository({
    storage,
    password: 'estimate',
    algorithms: nativeAlgorithms(),
    engine: nativeEngine(),
    ...(hash === undefined ? {} : { hash }),
    ...(format.splitter === undefined ? {} : { splitter: format.splitter }),
  });
  const { compression } = format;
  await writeSession(repository, {}, async (writer) => {
    await initializeRepository(writer, { userName: 'bench', hostName: 'bench' });
    if (compression === undefined) return;
    const policy = { ...DEFAULT_POLICY, compression: { compressorName: compression } };
    await setPolicy(writer, GLOBAL_SOURCE, policy);
  });
  const once = async (): Promise<SnapshotCost> => {
    const before = { ...totals };
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const root = openLocalEntry(directory);
    if (root.type !== 'd') throw new Error(`${directory} is not a folder`);
    const source = { host: 'bench', userName: 'bench', path: directory };
    const { draft } = await writeSession(repository, {}, (writer) =>
      createSnapshot(writer, root, { source, checkpointIntervalMs: 0 }),
    );
    const { user, system } = process.cpuUsage(cpuBefore);
    const { rootEntry, stats } = draft;
    return {
      ...difference(totals, before),
      seconds: (performance.now() - startedAt) / 1000,
      cpuSeconds: (user + system) / 1e6,
      files: rootEntry?.summary?.files ?? stats.fileCount,
      folders: rootEntry?.summary?.dirs ?? 1,
      bytes: rootEntry?.summary?.size ?? stats.totalSize,
    };
  };
  const first = await once();
  return { first, unchanged: await once(), changes: countChanges(directory) };
}

function difference(after: DiscardedTotals, before: DiscardedTotals): DiscardedTotals {
  return {
    packs: after.packs - before.packs,
    packBytes: after.packBytes - before.packBytes,
    otherBlobs: after.otherBlobs - before.otherBlobs,
    otherBytes: after.otherBytes - before.otherBytes,
    requests: after.requests - before.requests,
  };
}

/** By modification times; what cannot be looked at is left out, as it would be of a snapshot. */
function countChanges(directory: string): ChangeCounts {
  const since = Date.now() - CHANGE_DAYS * DAY_MS;
  let files = 0;
  let bytes = 0;
  const folders = [directory];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) folders.push(path);
        if (!entry.isFile()) continue;
        const { mtimeMs, size } = lstatSync(path);
        if (mtimeMs < since) continue;
        files += 1;
        bytes += size;
      }
    } catch {
      continue;
    }
  }
  return { days: CHANGE_DAYS, files, bytes };
}

process.removeAllListeners('warning');
const answer = await run(JSON.parse(process.argv[2] ?? '{}') as EstimateRequest);
process.stdout.write(`${JSON.stringify(answer)}\n`);
