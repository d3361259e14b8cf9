// One engine in a process of its own, for tests that kill it, run it beside another or measure it.
import { writeSync } from 'node:fs';
import { describeError, errorCode, type BlobStorage } from '@longshore/repo';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import type { ChildMessage, ChildRequest, KillPoint } from './child-protocol.ts';
import {
  allSnapshots,
  createEngine,
  openEngine,
  openStorage,
  restoreTo,
  takeSnapshot,
  verifyAll,
} from './engine.ts';

const request = JSON.parse(process.argv[2] ?? '') as ChildRequest;

/** Synchronous, so that what was said before a kill arrives. */
function say(message: ChildMessage): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

/** Ends this process as SIGKILL does, at exactly one call. */
function dying(storage: BlobStorage, { operation, idPrefix, skip, when }: KillPoint): BlobStorage {
  let left = skip;
  const around = async <T>(kind: KillPoint['operation'], id: string, run: () => Promise<T>) => {
    const isMeant = kind === operation && id.startsWith(idPrefix) && left-- === 0;
    if (isMeant && when === 'before') process.kill(process.pid, 'SIGKILL');
    const result = await run();
    if (isMeant) process.kill(process.pid, 'SIGKILL');
    return result;
  };
  return decorateStorage(storage, {
    putBlob: (id, data, options) => around('put', id, () => storage.putBlob(id, data, options)),
    deleteBlob: (id, options) => around('delete', id, () => storage.deleteBlob(id, options)),
  });
}

async function open(): Promise<BlobStorage> {
  let retries = 0;
  const storage = await openStorage(request.location, () =>
    say({ type: 'retry', count: ++retries }),
  );
  return request.killPoint === undefined ? storage : dying(storage, request.killPoint);
}

async function snapshot(tree: string, storage: BlobStorage): Promise<ChildMessage> {
  await using repository = await openEngine(storage, { threads: request.threads });
  say({ type: 'opened' });
  const { userName = 'tester' } = request;
  const {
    newBytes,
    uploadedBytes,
    snapshot: taken,
  } = await takeSnapshot(repository, tree, {
    source: { host: 'e2e-host', userName, path: tree },
    checkpointIntervalMs: request.checkpointIntervalMs ?? 0,
    onEvent: (event) => {
      if (event.type === 'checkpoint') say({ type: 'checkpoint' });
    },
  });
  const { fileCount, cachedFiles } = taken.stats;
  return { type: 'done', snapshotID: taken.id, newBytes, uploadedBytes, fileCount, cachedFiles };
}

async function verify(storage: BlobStorage): Promise<ChildMessage> {
  await using repository = await openEngine(storage, { threads: request.threads });
  const { errorCount, files, bytesRead } = await verifyAll(repository);
  return { type: 'done', errorCount, files, bytesRead };
}

async function restore(target: string, storage: BlobStorage): Promise<ChildMessage> {
  await using repository = await openEngine(storage, { threads: request.threads });
  const last = (await allSnapshots(repository)).at(-1);
  if (last === undefined) throw new Error('there is no snapshot');
  await restoreTo(repository, last, target);
  return { type: 'done' };
}

async function create(storage: BlobStorage): Promise<ChildMessage> {
  await using _repository = await createEngine(storage);
  return { type: 'done' };
}

async function run(): Promise<ChildMessage> {
  await using storage = await open();
  if (request.action === 'create') return await create(storage);
  if (request.action === 'snapshot') return await snapshot(request.tree, storage);
  if (request.action === 'restore') return await restore(request.tree, storage);
  return await verify(storage);
}

try {
  const done = await run();
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  say({ type: 'usage', maxRSSKiB: maxRSS, cpuMicroseconds: userCPUTime + systemCPUTime });
  say(done);
} catch (error) {
  say({ type: 'failed', code: errorCode(error), text: describeError(error) });
  if (errorCode(error) === undefined) console.error(error);
  process.exitCode = 1;
}
