import type { AbortOptions, BlobMetadata, BlobReader } from '../blob/storage.ts';
import type { Clock, EpochNanoseconds } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import type { EpochParameters } from '../format/parameters.ts';
import { EPOCH_MARKER_PREFIX, EPOCH_PREFIX } from './epoch-names.ts';
import {
  activeBlobs,
  createEpochSnapshot,
  findWriteEpoch,
  type EpochSnapshot,
} from './epoch-snapshot.ts';

/** A storage so slow that a snapshot expires while it is taken is not tried for ever. */
const MAX_ATTEMPTS = 10;

/** A snapshot and how long it may be used. */
export interface TimedSnapshot {
  readonly snapshot: EpochSnapshot;
  readonly loadedAt: EpochNanoseconds;
  readonly validUntil: EpochNanoseconds;
}

export interface ActiveIndexBlobs {
  readonly blobs: readonly BlobMetadata[];
  /** Unix seconds; deleted entries up to it count as absent. Undefined: none. */
  readonly deletionWatermarkSeconds: number | undefined;
}

export interface EpochStateOptions {
  readonly storage: BlobReader;
  readonly clock: Clock;
  /** Asked anew each time: parameters change during a repository's life. */
  readonly parameters: () => EpochParameters;
}

/**
 * Reads the epoch state from blob names. A snapshot expires one refresh period after its first listing
 * began: later than that, clean-up may have removed blobs that it relies on.
 */
export class EpochStateReader {
  readonly #options: EpochStateOptions;
  #current: TimedSnapshot | undefined;

  constructor(options: EpochStateOptions) {
    this.#options = options;
  }

  /** Forgets the snapshot at hand: the next use takes a new one. */
  invalidate(): void {
    this.#current = undefined;
  }

  isValid(timed: TimedSnapshot, remaining: EpochNanoseconds = 0n): boolean {
    const now = this.#options.clock();
    // A clock that went back says nothing about the age of the snapshot.
    return now >= timed.loadedAt && now + remaining < timed.validUntil;
  }

  /** A snapshot that is valid for at least `remaining` nanoseconds more; STORAGE_FAILED if none can be had. */
  async current(
    options: AbortOptions & { readonly remaining?: EpochNanoseconds } = {},
  ): Promise<TimedSnapshot> {
    const { remaining = 0n } = options;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const timed = (this.#current ??= await this.#load(options));
      if (this.isValid(timed, remaining)) return timed;
      this.invalidate();
    }
    throw tooSlow();
  }

  /** The blobs that together hold the whole index. */
  async loadActive(options: AbortOptions = {}): Promise<ActiveIndexBlobs> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const timed = await this.current(options);
      const { snapshot } = timed;
      const blobs = activeBlobs(snapshot);
      if (!this.isValid(timed)) continue;
      const { deletionWatermarkSeconds } = snapshot;
      return { blobs, deletionWatermarkSeconds };
    }
    throw tooSlow();
  }

  /** The write epoch as the storage says now; the snapshot at hand stays as it is. */
  async readWriteEpoch(options: AbortOptions = {}): Promise<number> {
    return findWriteEpoch(await this.#list(EPOCH_MARKER_PREFIX, options));
  }

  /**
   * What the storage shows now, beside the snapshot at hand: a listing may be short without saying so, and a merge must
   * not rest on one. It also comes after the markers by which epochs are settled, so that nothing written in them is
   * missing. Undefined if the snapshot at hand expired meanwhile.
   */
  async lookAgain(
    timed: TimedSnapshot,
    options: AbortOptions = {},
  ): Promise<EpochSnapshot | undefined> {
    const snapshot = createEpochSnapshot(await this.#list(EPOCH_PREFIX, options));
    return this.isValid(timed) ? snapshot : undefined;
  }

  /** One listing shows all: what a snapshot costs is one request for each thousand index blobs. */
  async #load(options: AbortOptions): Promise<TimedSnapshot> {
    const { clock, parameters } = this.#options;
    const loadedAt = clock();
    return {
      snapshot: createEpochSnapshot(await this.#list(EPOCH_PREFIX, options)),
      loadedAt,
      validUntil: loadedAt + parameters().epochRefreshFrequency,
    };
  }

  async #list(prefix: string, options: AbortOptions): Promise<BlobMetadata[]> {
    const blobs: BlobMetadata[] = [];
    for await (const blob of this.#options.storage.listBlobs(prefix, options)) blobs.push(blob);
    return blobs;
  }
}

function tooSlow(): LongshoreError {
  return new LongshoreError(
    'STORAGE_FAILED',
    'the storage lists blobs more slowly than the epoch refresh frequency allows',
  );
}
