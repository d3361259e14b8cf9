import { deleteIfAllowed } from '../blob/delete-if-allowed.ts';
import {
  abortOptions,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobStorage,
} from '../blob/storage.ts';
import { encodeHex, encodeUtf8 } from '../bytes.ts';
import { NANOSECONDS_PER_SECOND, type RandomSource } from '../clock.ts';
import type { BlobSealer } from '../content/indexblob/blob-sealing.ts';
import { CorruptDataError, hasCode } from '../errors.ts';
import { encodeGoJSON, field, parseGoJSON } from '../format/go-json.ts';
import {
  newRotation,
  PARTITION_COUNT,
  type PartialReading,
  type RotationState,
} from './rotation.ts';

/** Kopia looks at no name that begins like this. */
export const ROTATION_PREFIX = 'longshore.verification_';

const VERSION = 1;
const MAX_STATE_LENGTH = 1024 * 1024;

/**
 * Keeps the state of the rotation in the repository, sealed as index blobs are: each state is a blob of its own, the
 * newest one counts, and older ones go when it is there.
 */
export class RotationStore {
  readonly #storage: BlobStorage;
  readonly #sealer: BlobSealer;
  readonly #random: RandomSource;
  readonly #abort: AbortOptions;

  constructor(
    storage: BlobStorage,
    sealer: BlobSealer,
    random: RandomSource,
    options: AbortOptions = {},
  ) {
    this.#storage = storage;
    this.#sealer = sealer;
    this.#random = random;
    this.#abort = abortOptions(options);
  }

  /** Undefined if there is none that opens: then nothing counts as read. */
  async load(): Promise<RotationState | undefined> {
    const newestFirst = (await this.#list()).sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1));
    for (const { id, length } of newestFirst) {
      if (length > MAX_STATE_LENGTH) continue;
      try {
        const bytes = await this.#storage.getBlob(id, this.#abort);
        return parseState(this.#sealer.open(id, bytes), id);
      } catch (error) {
        if (!hasCode(error, 'CORRUPT_DATA') && !hasCode(error, 'BLOB_NOT_FOUND')) throw error;
      }
    }
    return undefined;
  }

  /** The time of the storage when it was saved, in Unix seconds. */
  async save(state: RotationState): Promise<number> {
    const before = await this.#list();
    const suffix = new Uint8Array(8);
    this.#random(suffix);
    const { id, bytes } = this.#sealer.seal(encodeState(state), ROTATION_PREFIX, encodeHex(suffix));
    await this.#storage.putBlob(id, bytes, this.#abort);
    const { timestamp } = await this.#storage.getMetadata(id, this.#abort);
    // The newest counts, so that the others may stay.
    for (const old of before) await deleteIfAllowed(this.#storage, old.id, this.#abort);
    return Number(timestamp / NANOSECONDS_PER_SECOND);
  }

  /** The state, new if there is none, and what time it is in the storage. Fails where nothing can be written. */
  async begin(): Promise<{ readonly state: RotationState; readonly now: number }> {
    const loaded = await this.load();
    const now = await this.save(loaded ?? newRotation(0));
    return { state: loaded === undefined || loaded.since === 0 ? newRotation(now) : loaded, now };
  }

  async #list(): Promise<BlobMetadata[]> {
    const blobs: BlobMetadata[] = [];
    for await (const blob of this.#storage.listBlobs(ROTATION_PREFIX, this.#abort))
      blobs.push(blob);
    return blobs;
  }
}

function encodeState({ since, lastRun, readAt, partial, damaged }: RotationState): Uint8Array {
  const json = { version: VERSION, since, lastRun, readAt, partial, damaged };
  return encodeUtf8(encodeGoJSON(json));
}

function parseState(bytes: Uint8Array, id: BlobID): RotationState {
  const json = parseGoJSON(bytes, id);
  const readAt = field(json, 'readAt');
  if (field(json, 'version') !== VERSION || !Array.isArray(readAt) || !readAt.every(isTime)) {
    throw new CorruptDataError(`${id}: not a state of verification`, { blobID: id });
  }
  if (readAt.length !== PARTITION_COUNT) {
    throw new CorruptDataError(`${id}: ${readAt.length} partitions`, { blobID: id });
  }
  return {
    since: timeOf(json, 'since', id),
    lastRun: timeOf(json, 'lastRun', id),
    readAt,
    partial: partialOf(field(json, 'partial'), id),
    damaged: damagedOf(field(json, 'damaged'), id),
  };
}

function partialOf(json: unknown, id: BlobID): PartialReading | undefined {
  if (json === undefined || json === null) return undefined;
  const after = field(json, 'after');
  if (typeof after !== 'string') {
    throw new CorruptDataError(`${id}: after is no name`, { blobID: id, field: 'after' });
  }
  return {
    partition: timeOf(json, 'partition', id),
    after,
    startedAt: timeOf(json, 'startedAt', id),
  };
}

function damagedOf(json: unknown, id: BlobID): readonly string[] {
  if (json === undefined || json === null) return [];
  if (Array.isArray(json) && json.every((name) => typeof name === 'string')) return json;
  throw new CorruptDataError(`${id}: damaged is no list of names`, {
    blobID: id,
    field: 'damaged',
  });
}

function timeOf(json: unknown, name: string, id: BlobID): number {
  const value = field(json, name);
  if (isTime(value)) return value;
  throw new CorruptDataError(`${id}: ${name} is no count`, { blobID: id, field: name });
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
