import type { Algorithms } from '../algorithms.ts';
import { abortOptions, type AbortOptions, type BlobReader } from '../blob/storage.ts';
import { equalBytes } from '../bytes.ts';
import type { Clock, EpochNanoseconds } from '../clock.ts';
import { CorruptDataError } from '../errors.ts';
import type { FormatCache, RememberedFormat } from './format-cache.ts';
import { FORMAT_BLOB_ID, parseFormatBlob } from './format-blob.ts';
import {
  checkAccess,
  deriveFormatKeys,
  isSameRepository,
  openFormatState,
  readFormatBlobs,
  type FormatState,
} from './format-state.ts';
import type { BlobConfiguration, RepositoryFormat } from './parameters.ts';
import { derivePurposeKey } from './purpose-keys.ts';
import type { UpgradeLock } from './upgrade-lock.ts';

/** Nanoseconds: how old a client's view of the format may get. Upgrade locks rely on every client keeping it. */
const FORMAT_MAX_AGE: bigint = 15n * 60_000_000_000n;

export interface FormatManagerOptions {
  readonly storage: BlobReader;
  readonly algorithms: Algorithms;
  readonly clock: Clock;
  /** This client is the one that holds the upgrade lock under this name. */
  readonly upgradeOwnerID?: string | undefined;
  readonly cache?: FormatCache | undefined;
}

/**
 * What `kopia.repository` and `kopia.blobcfg` say, kept current. Long-running clients call
 * `refreshIfStale` before each unit of work; it fails with REPOSITORY_LOCKED once an upgrade begins.
 */
export class FormatManager {
  readonly #options: FormatManagerOptions;
  #state: FormatState;
  #warnings: readonly string[] = [];
  #loadedAt: EpochNanoseconds;
  #isRemembered = false;
  #refreshing: Promise<void> | undefined;

  /** `loadedAt` is from before the blobs were read. Refuses as {@link openFormat} does. */
  constructor(
    options: FormatManagerOptions,
    state: FormatState,
    loadedAt: EpochNanoseconds,
    isRemembered = false,
  ) {
    this.#options = options;
    this.#state = state;
    this.#loadedAt = loadedAt;
    this.adopt(state, loadedAt, isRemembered);
  }

  current(): RepositoryFormat {
    return this.#state.stored.format;
  }

  /** Retention of new blobs; undefined when off. */
  get blobConfiguration(): BlobConfiguration {
    return this.#state.blobConfiguration;
  }

  /** 32 bytes: names the repository and salts its keys. */
  get uniqueID(): Uint8Array {
    return this.#state.blob.uniqueID;
  }

  /** What it says is out of a cache: nobody asked the storage whether the repository is still there. */
  get isRemembered(): boolean {
    return this.#isRemembered;
  }

  /** The stored bytes of `kopia.repository`. */
  get formatBlobBytes(): Uint8Array {
    return this.#state.blobBytes;
  }

  /** What each pack starts with: a copy of the format blob, or nothing where the password can change. */
  get packReplica(): Uint8Array {
    return this.#state.packReplica;
  }

  get upgradeLock(): UpgradeLock | undefined {
    return this.#state.stored.upgradeLock;
  }

  /** One line for each feature that the repository would like its clients to have. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  get algorithms(): Algorithms {
    return this.#options.algorithms;
  }

  /** For the code that rewrites the format blobs: includes keys. */
  get state(): FormatState {
    return this.#state;
  }

  /** A key of `length` bytes for one purpose, see `purpose-keys.ts`. */
  purposeKey(purpose: string, length: number): Promise<Uint8Array> {
    const { keys, blob, stored } = this.#state;
    const roots = { formatKey: keys.formatKey, uniqueID: blob.uniqueID };
    return derivePurposeKey(this.#options.algorithms, stored.format, roots, purpose, length);
  }

  /** Reads both blobs again if the view is 15 minutes old, or if the clock went back. */
  async refreshIfStale(options: AbortOptions = {}): Promise<void> {
    const age = this.#options.clock() - this.#loadedAt;
    if (age >= 0n && age < FORMAT_MAX_AGE) {
      checkAccess(this.#state.stored, this.#options.clock(), this.#options.upgradeOwnerID);
      return;
    }
    await this.refresh(options);
  }

  /** Reads both blobs again. Concurrent callers share one read; each stops waiting on its own signal. */
  async refresh(options: AbortOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#refreshing ??= this.#reload().finally(() => {
      this.#refreshing = undefined;
    });
    await untilAborted(this.#refreshing, options.signal);
  }

  /** Takes over a state that was just read or written at `loadedAt`. */
  adopt(state: FormatState, loadedAt: EpochNanoseconds, isRemembered = false): void {
    this.#warnings = checkAccess(state.stored, loadedAt, this.#options.upgradeOwnerID);
    this.#state = state;
    this.#loadedAt = loadedAt;
    this.#isRemembered = isRemembered;
  }

  async #reload(): Promise<void> {
    const { storage, algorithms, clock, cache } = this.#options;
    const loadedAt = clock();
    const bytes = await readFormatBlobs(storage, {});
    const blob = parseFormatBlob(bytes.formatBlob);
    if (!equalBytes(blob.uniqueID, this.uniqueID)) throw replacedError(storage);
    const state = await openFormatState(algorithms, bytes, blob, this.#state.keys);
    if (!isSameRepository(state, this.#state)) throw replacedError(storage);
    this.adopt(state, loadedAt);
    await cache?.store({ ...bytes, readAt: loadedAt });
  }
}

function replacedError(storage: BlobReader): CorruptDataError {
  return new CorruptDataError(
    `the repository in ${storage.displayName} was replaced by another one while it was open; open it again`,
    { blobID: FORMAT_BLOB_ID },
  );
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

export interface OpenFormatOptions extends FormatManagerOptions, AbortOptions {
  readonly password: string;
}

/**
 * Opens the format with the password. Fails with REPOSITORY_NOT_INITIALIZED, INVALID_PASSWORD,
 * REPOSITORY_LOCKED, or UNSUPPORTED for a version, algorithm or feature that this code does not have.
 */
export async function openFormat(options: OpenFormatOptions): Promise<FormatManager> {
  const { storage, clock, cache, signal } = options;
  const remembered = await openRemembered(options);
  if (remembered !== undefined) return remembered;
  const readAt = clock();
  const bytes = await readFormatBlobs(storage, abortOptions({ signal }));
  const manager = await openBytes(options, { ...bytes, readAt }, false);
  await cache?.store({ ...bytes, readAt });
  return manager;
}

/** Whatever speaks against what was remembered, the storage knows better. */
async function openRemembered(options: OpenFormatOptions): Promise<FormatManager | undefined> {
  const { cache, clock, signal } = options;
  const format = await cache?.load();
  const age = format === undefined ? -1n : clock() - format.readAt;
  if (format === undefined || age < 0n || age >= FORMAT_MAX_AGE) return undefined;
  try {
    return await openBytes(options, format, true);
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

async function openBytes(
  options: OpenFormatOptions,
  format: RememberedFormat,
  isRemembered: boolean,
): Promise<FormatManager> {
  const { storage, algorithms, clock, cache, upgradeOwnerID, password, signal } = options;
  const blob = parseFormatBlob(format.formatBlob);
  const keys = await deriveFormatKeys(algorithms, blob, password);
  signal?.throwIfAborted();
  const state = await openFormatState(algorithms, format, blob, keys);
  const kept = { storage, algorithms, clock, cache, upgradeOwnerID };
  return new FormatManager(kept, state, format.readAt, isRemembered);
}
