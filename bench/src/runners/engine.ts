import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import {
  createRepository,
  ENCRYPTION_NAMES,
  HASH_NAMES,
  openRepository,
  parseObjectID,
  writeSession,
  type ContentID,
  type OpenOptions,
  type OpenWritableRepository,
} from '@longshore/repo';
import {
  createDiskCache,
  limitYoungGeneration,
  nativeAlgorithms,
  nativeEngine,
} from '@longshore/repo/node';
import {
  createSnapshot,
  DEFAULT_POLICY,
  findEntry,
  GLOBAL_SOURCE,
  initializeRepository,
  listSnapshots,
  openObjectEntry,
  restoreSnapshot,
  setPolicy,
  verifySnapshots,
} from '@longshore/snapshot';
import { openLocalEntry, openLocalOutput } from '@longshore/snapshot/node';
import type { EngineAnswer, EngineRequest, EngineTask, FormatChoice } from './engine-request.ts';
import { openTarget } from './engine-storage.ts';

/*
 * Runs one task of the library in a process of its own and prints an `EngineAnswer`. What `longshore` does, without the
 * command around it, and with worker counts that the command does not offer.
 */

const MAX_CACHE_BYTES = 5 * 1000 ** 3;
/** Bytes of the process in low-memory mode. */
const LOW_MEMORY_LIMIT = 250e6;

type Engine = Pick<
  OpenOptions,
  'algorithms' | 'engine' | 'parallelUploads' | 'cache' | 'identity'
> & {
  readonly password: string;
};

/** What the command does to the heap, always and with a memory limit. */
function limitHeap({ lowMemory = false }: EngineRequest): void {
  setFlagsFromString('--heap-growing-percent=50');
  limitYoungGeneration({ atOnce: lowMemory });
}

function engineOptions({
  password,
  workers,
  lowMemory = false,
  cacheFolder,
}: EngineRequest): Engine {
  return {
    password,
    algorithms: nativeAlgorithms(),
    engine: nativeEngine({
      ...(workers === undefined ? {} : { workers }),
      ...(lowMemory ? { memoryLimit: LOW_MEMORY_LIMIT } : {}),
    }),
    ...(cacheFolder === undefined
      ? {}
      : {
          cache: createDiskCache({
            folder: cacheFolder,
            maxBytes: MAX_CACHE_BYTES,
            hmacKey: createHash('sha256').update(password).digest(),
          }),
        }),
    identity: { userName: 'bench', hostName: 'bench' },
  };
}

async function create(request: EngineRequest, format: FormatChoice): Promise<EngineAnswer> {
  const storage = await openTarget(request.storage, { create: true });
  const hash = HASH_NAMES.find((name) => name === format.hash);
  const encryption = ENCRYPTION_NAMES.find((name) => name === format.encryption);
  await using repository = await createRepository({
    storage,
    ...engineOptions(request),
    ...(hash === undefined ? {} : { hash }),
    ...(encryption === undefined ? {} : { encryption }),
    ...(format.splitter === undefined ? {} : { splitter: format.splitter }),
  });
  await writeSession(repository, {}, async (writer) => {
    await initializeRepository(writer, { userName: 'bench', hostName: 'bench' });
    if (format.compression === undefined) return;
    const compression = { compressorName: format.compression };
    await setPolicy(writer, GLOBAL_SOURCE, { ...DEFAULT_POLICY, compression });
  });
  return {};
}

async function snapshot(
  repository: OpenWritableRepository,
  { tree, source }: EngineTask & { kind: 'snapshot' },
  request: EngineRequest,
): Promise<EngineAnswer> {
  const root = openLocalEntry(tree);
  if (root.type !== 'd') throw new Error(`${tree} is not a folder`);
  const { draft } = await writeSession(repository, {}, (writer) =>
    createSnapshot(writer, root, {
      source,
      checkpointIntervalMs: 0,
      ...(request.lowMemory === true ? { parallelism: 1 } : {}),
    }),
  );
  const { objectID } = draft.rootEntry ?? {};
  return {
    ...(objectID === undefined ? {} : { rootObjectID: objectID }),
    files: draft.stats.fileCount,
    bytes: draft.stats.totalSize,
  };
}

/** What reading in bulk may hold. */
function readLimit({ memoryPlan }: OpenWritableRepository): { readonly memoryLimit?: number } {
  return memoryPlan === undefined ? {} : { memoryLimit: memoryPlan.readBytes };
}

async function restore(
  repository: OpenWritableRepository,
  { rootObjectID, path, target }: EngineTask & { kind: 'restore' },
): Promise<EngineAnswer> {
  const root = await openObjectEntry(repository, parseObjectID(rootObjectID));
  const entry = path === '' ? root : await findEntry(repository, root, path);
  await using output = openLocalOutput(target);
  await restoreSnapshot(repository, entry, output, readLimit(repository));
  return {};
}

async function verify(repository: OpenWritableRepository): Promise<EngineAnswer> {
  const snapshots = await listSnapshots(repository);
  const roots = snapshots.flatMap(({ id, rootEntry }) =>
    rootEntry === undefined ? [] : [{ name: id, entry: rootEntry }],
  );
  const { files, bytesRead, errorCount } = await verifySnapshots(repository, roots, {
    verifyFilesPercent: 100,
    ...readLimit(repository),
  });
  if (errorCount > 0) throw new Error(`${errorCount} errors`);
  return { files, bytes: bytesRead, errors: errorCount };
}

/** Every hundredth content or so is looked up, in an order that jumps through the index. */
async function open(request: EngineRequest, lookups: number): Promise<EngineAnswer> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('needs --expose-gc');
  const collect = (): void => {
    gc();
  };
  const { algorithms, password } = engineOptions(request);
  const storage = await openTarget(request.storage);
  collect();
  const before = process.memoryUsage.rss();
  const startedAt = performance.now();
  await using repository = await openRepository({ storage, password, algorithms: algorithms! });
  const openSeconds = (performance.now() - startedAt) / 1000;
  await collectFully(collect);
  const residentBytes = process.memoryUsage.rss() - before;
  const ids: ContentID[] = [];
  let contents = 0;
  for (const { contentID } of repository.contents.iterateContents({ prefix: '' })) {
    if (contents++ % 97 === 0 && ids.length < lookups) ids.push(contentID);
  }
  const lookupsAt = performance.now();
  for (let i = 0; i < ids.length; i++) {
    if (repository.contents.contentInfo(ids[(i * 7919) % ids.length]!) === undefined) {
      throw new Error('a content that was listed is not found');
    }
  }
  const lookupSeconds = (performance.now() - lookupsAt) / 1000 / Math.max(1, ids.length);
  return { contents, residentBytes, openSeconds, lookupSeconds };
}

/** Array buffers are freed a turn after the collection that found them dead. */
async function collectFully(collect: () => void): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collect();
    await setImmediate();
  }
}

async function run(request: EngineRequest): Promise<EngineAnswer> {
  const { task } = request;
  limitHeap(request);
  if (task.kind === 'create') return create(request, task.format);
  if (task.kind === 'open') return open(request, task.lookups);
  const storage = await openTarget(request.storage);
  await using repository = await openRepository({ storage, ...engineOptions(request) });
  switch (task.kind) {
    case 'snapshot':
      return await snapshot(repository, task, request);
    case 'restore':
      return await restore(repository, task);
    case 'verify':
      return await verify(repository);
    case 'list':
      return { snapshots: (await listSnapshots(repository)).length };
    default:
      return task satisfies never;
  }
}

process.removeAllListeners('warning');
const answer = await run(JSON.parse(process.argv[2] ?? '{}') as EngineRequest);
process.stdout.write(`${JSON.stringify(answer)}\n`);
