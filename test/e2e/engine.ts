import {
  createRepository,
  createRetryingStorage,
  createSystemClock,
  openRepository,
  systemSleep,
  writeSession,
  type BlobStorage,
  type CreateOptions,
  type OpenRepository,
  type OpenWritableRepository,
  type RetryEvent,
} from '@longshore/repo';
import {
  createS3Storage,
  nativeAlgorithms,
  nativeEngine,
  openFilesystemStorage,
} from '@longshore/repo/node';
import {
  createSnapshot,
  listSnapshots,
  type DirectoryEntry,
  type SnapshotManifest,
  type SourceInfo,
  type UploadEvent,
} from '@longshore/snapshot';
import { openLocalEntry, openLocalOutput } from '@longshore/snapshot/node';
import { restoreSnapshot } from '../../packages/snapshot/src/restore/restore.ts';
import { verifySnapshots } from '../../packages/snapshot/src/verify/verify.ts';
import { rememberingKeys } from '../remembered-keys.ts';
import type { VerifyResult } from '../../packages/snapshot/src/verify/verify-options.ts';

export const PASSWORD = 'end to end';

const algorithms = rememberingKeys(nativeAlgorithms());

/** Kopia's smallest: the tests want several packs out of few bytes. */
const SMALL_PACKS = 10 * 1024 * 1024;

/** Where a repository is, as a message to another process can say it. */
export type StorageLocation =
  | { readonly kind: 'filesystem'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly endpoint: string;
      readonly bucket: string;
      readonly prefix: string;
      readonly accessKeyID: string;
      readonly secretAccessKey: string;
    };

/** An S3 storage is retrying, with short delays. */
export async function openStorage(
  location: StorageLocation,
  onRetry: (event: RetryEvent) => void = () => undefined,
): Promise<BlobStorage> {
  if (location.kind === 'filesystem') return openFilesystemStorage(location);
  const { endpoint, bucket, prefix, accessKeyID, secretAccessKey } = location;
  const storage = createS3Storage({
    endpoint,
    bucket,
    prefix,
    accessKeyID,
    secretAccessKey,
    disableTLS: true,
    conditionalPuts: true,
  });
  return createRetryingStorage(storage, {
    sleep: systemSleep,
    clock: createSystemClock(),
    random: Math.random,
    policy: { initialDelayMilliseconds: 20, maxDelayMilliseconds: 1000, maxAttempts: 40 },
    onRetry,
  });
}

/** Few workers: several test files run at once. */
const WORKERS = 2;

export async function createEngine(
  storage: BlobStorage,
  options: Partial<CreateOptions> = {},
): Promise<OpenWritableRepository> {
  return createRepository({
    maxPackSize: SMALL_PACKS,
    algorithms,
    ...options,
    storage,
    password: PASSWORD,
  });
}

export async function openEngine(
  storage: BlobStorage,
  options: { readonly threads?: boolean } = {},
): Promise<OpenWritableRepository> {
  return openRepository({
    storage,
    password: PASSWORD,
    algorithms,
    ...(options.threads === true && { engine: nativeEngine({ workers: WORKERS }) }),
  });
}

export function sourceOf(path: string, userName = 'tester'): SourceInfo {
  return { host: 'e2e-host', userName, path };
}

export interface TakeSnapshotOptions {
  readonly source?: SourceInfo;
  /** Default 0: none. */
  readonly checkpointIntervalMs?: number;
  readonly onEvent?: (event: UploadEvent) => void;
  readonly parallelism?: number;
  readonly signal?: AbortSignal;
}

export interface TakenSnapshot {
  readonly snapshot: SnapshotManifest;
  /** Plaintext bytes that were not in the repository before, directories included. */
  readonly newBytes: number;
  /** Bytes of packs that were sent. */
  readonly uploadedBytes: number;
}

export async function takeSnapshot(
  repository: OpenWritableRepository,
  tree: string,
  options: TakeSnapshotOptions = {},
): Promise<TakenSnapshot> {
  const { source = sourceOf(tree), checkpointIntervalMs = 0, ...rest } = options;
  let newBytes = 0;
  let uploadedBytes = 0;
  const session = {
    onHashed: (length: number, duplicate: boolean) => {
      if (!duplicate) newBytes += length;
    },
    onUpload: (bytes: number) => {
      uploadedBytes += bytes;
    },
    ...(rest.signal !== undefined && { signal: rest.signal }),
  };
  const { snapshot } = await writeSession(repository, session, (writer) =>
    createSnapshot(writer, localTree(tree), { ...rest, source, checkpointIntervalMs }),
  );
  if (snapshot === undefined) throw new Error('no snapshot was saved');
  return { snapshot, newBytes, uploadedBytes };
}

function localTree(path: string): DirectoryEntry {
  const root = openLocalEntry(path);
  if (root.type !== 'd') throw new Error(`${path} is no directory`);
  return root;
}

export async function allSnapshots(
  repository: OpenRepository,
): Promise<readonly SnapshotManifest[]> {
  await repository.refresh();
  return listSnapshots(repository);
}

export async function restoreTo(
  repository: OpenRepository,
  { rootEntry }: SnapshotManifest,
  target: string,
): Promise<void> {
  if (rootEntry === undefined) throw new Error('the snapshot has no root');
  await using output = openLocalOutput(target);
  await restoreSnapshot(repository, rootEntry, output);
}

/** Reads every byte of every snapshot; the damage is in the result. */
export async function verifyAll(repository: OpenRepository): Promise<VerifyResult> {
  const roots = (await allSnapshots(repository)).flatMap(({ id, rootEntry: entry }) =>
    entry === undefined ? [] : [{ name: id, entry }],
  );
  return verifySnapshots(repository, roots, { verifyFilesPercent: 100, maxErrors: -1 });
}
