import { createHash, randomBytes, randomInt } from 'node:crypto';
import {
  equalBytes,
  hasCode,
  LongshoreError,
  parseBlobID,
  type BlobID,
  type BlobStorage,
} from '@longshore/repo';
import type { CommandContext } from '../context.ts';

export interface ValidationOptions {
  readonly durationMilliseconds: number;
  readonly writers: number;
  readonly readers: number;
  readonly metadataReaders: number;
}

const BLOB_BYTES = 5_000_000;
const MAX_CLOCK_SKEW = 5n * 60_000_000_000n;
const MAX_CONCURRENT_BLOBS = 64;

/** Fails with STORAGE_FAILED at the first thing that a repository could not live with. Leaves nothing behind. */
export async function validateStorage(
  context: CommandContext,
  storages: readonly BlobStorage[],
  options: ValidationOptions,
): Promise<void> {
  const validation = new StorageValidation(context, storages);
  try {
    await validation.missingBlobs();
    await validation.wholeBlob();
    await validation.conditionalPut();
    await validation.concurrency(options);
  } finally {
    await validation.cleanUp();
  }
}

class StorageValidation {
  readonly #context: CommandContext;
  readonly #storages: readonly BlobStorage[];
  /** No repository has blobs of this name. */
  readonly #prefix = `z-longshore-validate-${randomBytes(8).toString('hex')}-`;

  constructor(context: CommandContext, storages: readonly BlobStorage[]) {
    this.#context = context;
    this.#storages = storages;
  }

  async missingBlobs(): Promise<void> {
    this.#say('Asking for blobs that are not there...');
    const id = this.#blobID('missing');
    for (const storage of this.#storages) {
      await this.#expectMissing('getBlob', () => storage.getBlob(id, this.#abort));
      await this.#expectMissing('getMetadata', () => storage.getMetadata(id, this.#abort));
      const listed = await Array.fromAsync(storage.listBlobs(this.#prefix, this.#abort));
      this.#require(listed.length === 0, 'a listing shows blobs that are not there');
    }
  }

  async wholeBlob(): Promise<void> {
    const id = this.#blobID('whole');
    const data = randomBytes(BLOB_BYTES);
    this.#say(`Writing a blob (${BLOB_BYTES} bytes)...`);
    await this.#storages[0]!.putBlob(id, data, this.#abort);
    for (const storage of this.#storages) {
      this.#say('Reading it in full, in part and its metadata, and listing it...');
      const read = await storage.getBlob(id, this.#abort);
      this.#require(equalBytes(read, data), 'a blob is not what was written');
      const ranges = [
        { offset: 0, length: 10 },
        { offset: BLOB_BYTES - 10, length: 10 },
        { offset: 1_000_000, length: 2_000_000 },
      ];
      for (const range of ranges) {
        const part = await storage.getBlob(id, { ...this.#abort, range });
        const expected = data.subarray(range.offset, range.offset + range.length);
        this.#require(equalBytes(part, expected), 'a part of a blob is not what was written');
      }
      const { length, timestamp } = await storage.getMetadata(id, this.#abort);
      this.#require(length === BLOB_BYTES, 'the length of a blob is wrong');
      const skew = BigInt(Date.now()) * 1_000_000n - timestamp;
      this.#require(
        skew < MAX_CLOCK_SKEW && skew > -MAX_CLOCK_SKEW,
        'the clocks of the storage and of this machine differ by more than 5 minutes',
      );
      const listed = await Array.fromAsync(storage.listBlobs(this.#prefix, this.#abort));
      this.#require(
        listed.length === 1 && listed[0]?.id === id && listed[0].length === BLOB_BYTES,
        'a listing does not show the blob that was written',
      );
    }
    const other = randomBytes(1000);
    await this.#storages[0]!.putBlob(id, other, this.#abort);
    for (const storage of this.#storages) {
      const read = await storage.getBlob(id, this.#abort);
      this.#require(equalBytes(read, other), 'a blob that was replaced is still read as it was');
    }
  }

  async conditionalPut(): Promise<void> {
    const [storage] = this.#storages;
    if (storage?.capabilities.putIfAbsent !== true) return;
    this.#say('Creating a blob that must not be there yet...');
    const id = this.#blobID('conditional');
    const data = randomBytes(1000);
    await storage.putBlob(id, data, { ...this.#abort, ifAbsent: true });
    try {
      await storage.putBlob(id, randomBytes(1000), { ...this.#abort, ifAbsent: true });
    } catch (error) {
      if (!hasCode(error, 'ALREADY_EXISTS')) throw error;
      const read = await storage.getBlob(id, this.#abort);
      this.#require(equalBytes(read, data), 'a refused put has changed a blob');
      return;
    }
    this.#require(false, 'a put that must not replace a blob has replaced it');
  }

  /** Each blob holds random bytes and their hash, so that any reader can tell a torn one. */
  async concurrency(options: ValidationOptions): Promise<void> {
    const { durationMilliseconds, writers, readers, metadataReaders } = options;
    this.#say(
      `Running many writers and readers for ${Math.round(durationMilliseconds / 1000)}s...`,
    );
    const end = performance.now() + durationMilliseconds;
    const written: BlobID[] = [];
    const until = async (work: (storage: BlobStorage) => Promise<void>): Promise<void> => {
      while (performance.now() < end) {
        this.#context.signal.throwIfAborted();
        await work(this.#storages[randomInt(this.#storages.length)]!);
      }
    };
    const pick = (): BlobID | undefined => written[randomInt(Math.max(1, written.length))];
    const put = async (storage: BlobStorage): Promise<void> => {
      const body = randomBytes(randomInt(1, 100_000));
      const isFull = written.length >= MAX_CONCURRENT_BLOBS;
      const id = (isFull ? pick() : undefined) ?? this.#blobID(randomBytes(8).toString('hex'));
      await storage.putBlob(id, [digest(body), body], this.#abort);
      if (!isFull) written.push(id);
    };
    const get = async (storage: BlobStorage): Promise<void> => {
      const id = pick();
      if (id === undefined) return this.#pause();
      const data = await storage.getBlob(id, this.#abort);
      const isWhole = equalBytes(digest(data.subarray(32)), data.subarray(0, 32));
      this.#require(isWhole, `blob ${id} was seen half-written`);
    };
    const look = async (storage: BlobStorage): Promise<void> => {
      const id = pick();
      if (id === undefined) return this.#pause();
      const { length } = await storage.getMetadata(id, this.#abort);
      this.#require(length > 32, `blob ${id} was seen too short`);
    };
    await Promise.all([
      ...Array.from({ length: writers }, () => until(put)),
      ...Array.from({ length: readers }, () => until(get)),
      ...Array.from({ length: metadataReaders }, () => until(look)),
    ]);
  }

  async cleanUp(): Promise<void> {
    this.#say('Cleaning up...');
    const [storage] = this.#storages;
    if (storage === undefined) return;
    for await (const { id } of storage.listBlobs(this.#prefix)) await storage.deleteBlob(id);
  }

  get #abort(): { readonly signal: AbortSignal } {
    return { signal: this.#context.signal };
  }

  async #pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }

  #blobID(name: string): BlobID {
    return parseBlobID(this.#prefix + name);
  }

  #say(message: string): void {
    this.#context.log.info(message);
  }

  async #expectMissing(what: string, call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND')) return;
      throw error;
    }
    this.#require(false, `${what} finds a blob that is not there`);
  }

  #require(holds: boolean, problem: string): void {
    if (holds) return;
    const { displayName } = this.#storages[0]!;
    throw new LongshoreError(
      'STORAGE_FAILED',
      `${displayName} is not fit for a repository: ${problem}`,
    );
  }
}

function digest(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}
