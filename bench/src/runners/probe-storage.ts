import { randomBytes } from 'node:crypto';
import { forEachLimit, parseBlobID, type BlobID, type BlobStorage } from '@longshore/repo';
import type { StorageTarget } from './engine-request.ts';
import { openTarget } from './engine-storage.ts';

/* Measures a storage by writing, reading and deleting blobs of its own, and prints a `StorageProbe`. */

export interface ProbeRequest {
  /** A place of its own, for it is filled and emptied. */
  readonly target: StorageTarget;
  readonly packSizes: readonly number[];
  /** Seconds for each figure. */
  readonly seconds: number;
}

export interface PutRate {
  readonly packSize: number;
  readonly parallelism: number;
  readonly bytesPerSecond: number;
}

export interface StorageProbe {
  readonly puts: readonly PutRate[];
  /** Of a blob of 1 KiB: what a request costs whatever it carries. */
  readonly putSeconds: number;
  readonly getSeconds: number;
  readonly getBytesPerSecond: number;
}

const PARALLELISM = [1, 2, 4, 8] as const;
const DEFAULT_PACK_SIZE = 20 * 1024 ** 2;
const MAX_PUTS = 32;
const SMALL_PUTS = 8;

async function run({ target, packSizes, seconds }: ProbeRequest): Promise<StorageProbe> {
  await using storage = await openTarget(target, { create: true });
  const written: BlobID[] = [];
  const put = async (data: Uint8Array): Promise<BlobID> => {
    const id = parseBlobID(`p${randomBytes(16).toString('hex')}`);
    written.push(id);
    await storage.putBlob(id, data);
    return id;
  };
  try {
    const small = await timeEach(SMALL_PUTS, () => put(randomBytes(1024)));
    const getSeconds = median(
      await Promise.all([
        timed(() => storage.getBlob(written[0]!)),
        timed(() => storage.getBlob(written[1]!)),
      ]),
    );
    const puts: PutRate[] = [];
    for (const parallelism of PARALLELISM) {
      puts.push(await putRate(put, { packSize: DEFAULT_PACK_SIZE, parallelism, seconds }));
    }
    const best = puts.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond)[0]!.parallelism;
    for (const packSize of packSizes.filter((size) => size !== DEFAULT_PACK_SIZE)) {
      puts.push(await putRate(put, { packSize, parallelism: best, seconds }));
    }
    const last = written.at(-1)!;
    const length = (await storage.getMetadata(last)).length;
    const getBytesPerSecond = length / (await timed(() => storage.getBlob(last)));
    return { puts, putSeconds: median(small), getSeconds, getBytesPerSecond };
  } finally {
    await removeAll(storage, written);
  }
}

async function putRate(
  put: (data: Uint8Array) => Promise<unknown>,
  { packSize, parallelism, seconds }: { packSize: number; parallelism: number; seconds: number },
): Promise<PutRate> {
  const data = randomBytes(packSize);
  const startedAt = performance.now();
  let puts = 0;
  const worker = async (): Promise<void> => {
    do {
      puts += 1;
      await put(data);
    } while (puts < MAX_PUTS && performance.now() - startedAt < seconds * 1000);
  };
  await Promise.all(Array.from({ length: parallelism }, worker));
  const elapsed = (performance.now() - startedAt) / 1000;
  return { packSize, parallelism, bytesPerSecond: (puts * packSize) / elapsed };
}

async function removeAll(storage: BlobStorage, ids: readonly BlobID[]): Promise<void> {
  await forEachLimit(ids, { parallelism: 8 }, async (id) => storage.deleteBlob(id));
}

async function timeEach(count: number, act: () => Promise<unknown>): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < count; i++) seconds.push(await timed(act));
  return seconds;
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return (performance.now() - startedAt) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

process.removeAllListeners('warning');
const probe = await run(JSON.parse(process.argv[2] ?? '{}') as ProbeRequest);
process.stdout.write(`${JSON.stringify(probe)}\n`);
