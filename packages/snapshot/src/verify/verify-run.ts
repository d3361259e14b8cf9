import {
  indexObjectID,
  invariant,
  LongshoreError,
  objectReference,
  type ContentID,
  type ContentInfo,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import { positiveCount } from '../count-option.ts';
import { atPath, isDamage } from '../damage.ts';
import type { DirEntry } from '../dir-manifest.ts';
import { PackLengths, unindexed } from './pack-lengths.ts';
import { RecentLengths } from './recent-lengths.ts';
import type { VerifyError, VerifyOptions, VerifyResult } from './verify-options.ts';

const DEFAULT_PARALLEL = 8;
const DEFAULT_MEMORY_LIMIT = 64 * 1024 * 1024;
const DEFAULT_MAX_REMEMBERED = 250_000;
const MAX_LISTED_ERRORS = 10_000;

/** Thrown to end a run whose errors have reached their limit; never seen by callers. */
export class ErrorLimitReached extends Error {}

/** State that all parts of one verification share. */
export class VerifyRun {
  readonly repository: Repository;
  readonly failure: AbortController = new AbortController();
  readonly signal: AbortSignal;
  readonly parallel: number;
  readonly memoryLimit: number;
  /** The size that the first entry of each object gave. */
  readonly seenObjects: RecentLengths;
  /** Bytes of each content that was read and is sound. */
  readonly readLengths: RecentLengths;
  directories = 0;
  files = 0;
  fileBytes = 0;
  filesRead = 0;
  bytesRead = 0;
  readonly #options: VerifyOptions;
  #packs: PackLengths | undefined;
  readonly #errors: VerifyError[] = [];
  readonly #maxErrors: number;
  readonly #percent: number;
  readonly #fraction: () => number;
  #errorCount = 0;

  constructor(repository: Repository, options: VerifyOptions) {
    const { maxErrors = 0, maxRemembered = DEFAULT_MAX_REMEMBERED } = options;
    this.#percent = options.verifyFilesPercent ?? 0;
    if (!(this.#percent >= 0 && this.#percent <= 100)) {
      throw new LongshoreError('INVALID_ARGUMENT', `${this.#percent} is no percentage`);
    }
    if (options.randomFraction === undefined && this.#percent % 100 !== 0) {
      throw new LongshoreError('INVALID_ARGUMENT', 'a share of the files needs a random source');
    }
    this.#fraction = options.randomFraction ?? (() => 0);
    this.repository = repository;
    this.#options = options;
    this.signal =
      options.signal === undefined
        ? this.failure.signal
        : AbortSignal.any([options.signal, this.failure.signal]);
    this.parallel = positiveCount('parallel', options.parallel ?? DEFAULT_PARALLEL);
    this.memoryLimit = positiveCount('memoryLimit', options.memoryLimit ?? DEFAULT_MEMORY_LIMIT);
    this.seenObjects = new RecentLengths(positiveCount('maxRemembered', maxRemembered));
    this.readLengths = new RecentLengths(maxRemembered);
    this.#maxErrors = maxErrors < 0 ? Number.POSITIVE_INFINITY : Math.max(1, maxErrors);
  }

  /** To be called first. */
  async listPacks(): Promise<void> {
    this.#packs = await PackLengths.list(this.repository.contents.storage, { signal: this.signal });
  }

  /** Whether this file is one of those to read. */
  isChosen(): boolean {
    return this.#fraction() * 100 < this.#percent;
  }

  /** Each content that the object stands on is in an index, and the storage has its bytes. */
  async checkBacking(id: ObjectID): Promise<void> {
    if (indexObjectID(id) === undefined) {
      await this.#checkContent(objectReference(id).contentID);
      return;
    }
    const { signal } = this;
    for await (const contentID of this.repository.verifyObject(id, { signal })) {
      await this.#checkContent(contentID);
    }
  }

  /** The same without waiting; false: {@link checkBacking} has to ask the storage for something. */
  checkBackingAtOnce(id: ObjectID): boolean {
    if (indexObjectID(id) !== undefined) return false;
    const { info, packs } = this.#locate(objectReference(id).contentID);
    if (!packs.isKnown(info.packBlobID)) return false;
    packs.checkKnown(info);
    return true;
  }

  /** Notes damage and goes on, unless it is one too many. Anything but damage is thrown. */
  report(path: string, { objectID }: Pick<DirEntry, 'objectID'>, error: unknown): void {
    this.signal.throwIfAborted();
    if (!isDamage(error)) throw error;
    if (this.#errorCount >= this.#maxErrors) throw new ErrorLimitReached();
    const found = { path, objectID, error: atPath(path, objectID, error) };
    this.#errorCount += 1;
    if (this.#errors.length < MAX_LISTED_ERRORS) this.#errors.push(found);
    this.#options.onEvent?.({ type: 'error', ...found });
    if (this.#errorCount >= this.#maxErrors) throw new ErrorLimitReached();
  }

  progress(): void {
    const { directories, files, bytesRead } = this;
    this.#options.onEvent?.({ type: 'progress', directories, files, bytesRead });
  }

  result(finished: boolean): VerifyResult {
    return {
      directories: this.directories,
      files: this.files,
      fileBytes: this.fileBytes,
      filesRead: this.filesRead,
      bytesRead: this.bytesRead,
      packs: this.#packs?.size ?? 0,
      errorCount: this.#errorCount,
      errors: this.#errors,
      finished,
    };
  }

  async #checkContent(contentID: ContentID): Promise<void> {
    const { info, packs } = this.#locate(contentID);
    await packs.check(info, { signal: this.signal });
  }

  #locate(contentID: ContentID): { readonly info: ContentInfo; readonly packs: PackLengths } {
    const info = this.repository.contents.contentInfo(contentID);
    if (info === undefined) throw unindexed(contentID);
    invariant(this.#packs !== undefined, 'packs are listed before contents are checked');
    return { info, packs: this.#packs };
  }
}
