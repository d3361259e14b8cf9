import {
  objectReference,
  type Budget,
  type ContentID,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import { readDespiteDamage } from '../damage-tolerant-read.ts';
import { isPlainObject } from '../directory-batch.ts';

const MAX_BATCH_DIRECTORIES = 64;

/** Directories that are fetched into a cache together. */
const MAX_CACHE_FILL = 1000;

/** Bytes that are held at once while a cache is filled, and requests for them. */
const CACHE_FILL_MEMORY = 16 * 1024 * 1024;
const CACHE_FILL_REQUESTS = 4;

/** Bytes of the streams of one batch: there may be one at each depth for each directory that is worked on. */
const MAX_BATCH_BYTES = 1024 * 1024;

interface Batch {
  readonly ids: ReadonlySet<ObjectID>;
  readonly streams: Promise<Map<ObjectID, Uint8Array>>;
}

/**
 * Reads small directories of an earlier snapshot ahead, in the order in which they will be asked for: they were written one
 * after the other, so that one request gets many. What is damaged, large or cannot be had is left to the asker.
 */
export class DirectoryPrefetch {
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  readonly #ids: readonly ObjectID[];
  readonly #positions: ReadonlyMap<ObjectID, number>;
  /** The last two: what was passed over is forgotten with its batch. */
  #batches: readonly Batch[] = [];

  constructor(repository: Repository, ids: Iterable<ObjectID>, signal: AbortSignal) {
    this.#repository = repository;
    this.#signal = signal;
    this.#ids = [...new Set(ids)];
    this.#positions = new Map(this.#ids.map((id, position) => [id, position]));
  }

  /** Has a cache, if there is one, get the first directories with as few requests as possible, in turn with others. */
  async fillCache(turns: Budget): Promise<void> {
    if (this.#ids.length < 2) return;
    const release = await turns.acquire(1, { signal: this.#signal });
    const ids = this.#ids.slice(0, MAX_CACHE_FILL).map((id) => objectReference(id).contentID);
    try {
      await this.#repository.contents.readAhead(ids, {
        signal: this.#signal,
        memoryLimit: CACHE_FILL_MEMORY,
        parallelism: CACHE_FILL_REQUESTS,
      });
    } catch {
      // What cannot be read fails when it is asked for.
      this.#signal.throwIfAborted();
    } finally {
      release();
    }
  }

  /** The stream of a directory, owned by the caller; undefined: read it singly. Each is given once. */
  async take(id: ObjectID): Promise<Uint8Array | undefined> {
    const batch = this.#batches.find(({ ids }) => ids.has(id)) ?? this.#start(id);
    const streams = await batch?.streams;
    const stream = streams?.get(id);
    streams?.delete(id);
    return stream;
  }

  /** A batch that begins with `id`; undefined if nothing goes with it. */
  #start(id: ObjectID): Batch | undefined {
    const { contents } = this.#repository;
    const chosen = new Map<ContentID, ObjectID>();
    let bytes = 0;
    for (let next = this.#positions.get(id) ?? this.#ids.length; next < this.#ids.length; next++) {
      const candidate = this.#ids[next]!;
      const { contentID } = objectReference(candidate);
      const length = isPlainObject(candidate)
        ? contents.contentInfo(contentID)?.originalLength
        : undefined;
      if (length === undefined || bytes + length > MAX_BATCH_BYTES) break;
      bytes += length;
      chosen.set(contentID, candidate);
      if (chosen.size === MAX_BATCH_DIRECTORIES) break;
    }
    if (chosen.size < 2) return undefined;
    const batch = { ids: new Set(chosen.values()), streams: this.#read(chosen) };
    this.#batches = [...this.#batches.slice(-1), batch];
    return batch;
  }

  async #read(chosen: ReadonlyMap<ContentID, ObjectID>): Promise<Map<ObjectID, Uint8Array>> {
    const streams = new Map<ObjectID, Uint8Array>();
    try {
      await readDespiteDamage(
        this.#repository.contents,
        chosen.keys(),
        (contentID, data) => {
          const id = chosen.get(contentID);
          if (id !== undefined) streams.set(id, data.slice());
        },
        { signal: this.#signal, onDamage: () => undefined },
      );
    } catch {
      // Whoever needs one of the others meets the failure himself.
    }
    return streams;
  }
}
