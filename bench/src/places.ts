import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { forEachLimit } from '@longshore/repo';
import { findMinio, startMinio } from '../../test/minio.ts';
import type { StorageTarget } from './runners/engine-request.ts';
import { openTarget } from './runners/engine-storage.ts';
import { startS3Proxy } from './s3-proxy.ts';

/** Where a scenario keeps its repositories. */
export type PlaceKind = 'disk' | 's3' | 's3-latency' | 's3-slow';

/** A line to a store across a continent, and one that is narrow as well. */
const LINES: Readonly<Record<'s3-latency' | 's3-slow', LineSettings>> = {
  's3-latency': { latencyMs: 20 },
  's3-slow': { latencyMs: 20, bytesPerSecond: 50e6 },
};

export interface LineSettings {
  readonly latencyMs: number;
  readonly bytesPerSecond?: number;
}

export interface Traffic {
  readonly requests: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface Place extends AsyncDisposable {
  readonly kind: PlaceKind;
  /** Of the timed line; undefined: that of the loopback interface, or a disk. */
  readonly bytesPerSecond: number | undefined;
  /** For preparations: without a line. */
  target(name: string): StorageTarget;
  /** The same repository as timed runs see it. */
  timed(target: StorageTarget): StorageTarget;
  /** The same repository through something that counts; itself on a disk, where nothing is counted. */
  counted(target: StorageTarget): StorageTarget;
  /** What `use` moved through `counted` targets; undefined on a disk. */
  countTraffic<T>(
    use: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly traffic?: Traffic }>;
  /** All that went over the timed line so far; undefined where timed runs go around it. */
  timedTraffic(): Traffic | undefined;
  storedBytes(target: StorageTarget): Promise<number>;
  remove(target: StorageTarget): Promise<void>;
}

const DELETES_AT_ONCE = 16;

/** Undefined where there is no MinIO. */
export async function openPlace(kind: PlaceKind, folder: string): Promise<Place | undefined> {
  return kind === 'disk' ? diskPlace(folder) : s3Place(kind);
}

function pathOf(target: StorageTarget): string {
  if (target.kind !== 'filesystem') throw new Error('not a folder');
  return target.path;
}

function diskPlace(folder: string): Place {
  const parent = join(folder, 'repositories');
  mkdirSync(parent, { recursive: true });
  return {
    kind: 'disk',
    bytesPerSecond: undefined,
    target: (name) => ({ kind: 'filesystem', path: join(parent, name) }),
    timed: (target) => target,
    counted: (target) => target,
    countTraffic: async (use) => ({ result: await use() }),
    timedTraffic: () => undefined,
    storedBytes: async (target) => folderBytes(pathOf(target)),
    remove: async (target) => rmSync(pathOf(target), { recursive: true, force: true }),
    async [Symbol.asyncDispose]() {},
  };
}

/** Bytes of all files below a folder. */
function folderBytes(folder: string): number {
  if (!existsSync(folder)) return 0;
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? folderBytes(path) : lstatSync(path).size;
  }
  return bytes;
}

function through(target: StorageTarget, endpoint: string): StorageTarget {
  return target.kind === 's3' ? { ...target, endpoint } : target;
}

async function s3Place(kind: Exclude<PlaceKind, 'disk'>): Promise<Place | undefined> {
  const binary = await findMinio();
  if (binary === undefined) return undefined;
  await using stack = new AsyncDisposableStack();
  const minio = stack.use(await startMinio(binary));
  await minio.createBucket('bench');
  const counter = stack.use(await startS3Proxy({ target: minio.endpoint }));
  const settings = kind === 's3' ? undefined : LINES[kind];
  const line =
    settings === undefined
      ? undefined
      : stack.use(await startS3Proxy({ target: minio.endpoint, ...settings }));
  const resources = stack.move();
  return {
    kind,
    bytesPerSecond: settings?.bytesPerSecond,
    target: (name) => ({
      kind: 's3',
      endpoint: minio.endpoint,
      disableTLS: true,
      region: minio.region,
      bucket: 'bench',
      prefix: `${name}/`,
      accessKeyID: minio.accessKeyID,
      secretAccessKey: minio.secretAccessKey,
    }),
    timed: (target) => through(target, line?.endpoint ?? minio.endpoint),
    counted: (target) => through(target, counter.endpoint),
    async countTraffic(use) {
      const before = { ...counter.traffic };
      const result = await use();
      return { result, traffic: trafficSince(before, counter.traffic) };
    },
    timedTraffic: () => line && { ...line.traffic },
    async storedBytes(target) {
      await using storage = await openTarget(target);
      let bytes = 0;
      for await (const { length } of storage.listBlobs('')) bytes += length;
      return bytes;
    },
    async remove(target) {
      await using storage = await openTarget(target);
      const blobs = await Array.fromAsync(storage.listBlobs(''));
      await forEachLimit(blobs, { parallelism: DELETES_AT_ONCE }, async ({ id }) =>
        storage.deleteBlob(id),
      );
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

export function trafficSince(before: Traffic, after: Traffic): Traffic {
  return {
    requests: after.requests - before.requests,
    bytesSent: after.bytesSent - before.bytesSent,
    bytesReceived: after.bytesReceived - before.bytesReceived,
  };
}
