import {
  Budget,
  hasCode,
  LongshoreError,
  objectReference,
  runBeside,
  type CompressorName,
  type ContentInfo,
  type ObjectID,
  type RepositoryWriter,
} from '@longshore/repo';
import { isDamage } from '../damage.ts';
import type { DirEntry, IncompleteReason } from '../dir-manifest.ts';
import type { SnapshotActions } from '../actions/snapshot-actions.ts';
import { isPlaceholderName, type DirectoryEntry, type Entry, type FileEntry } from '../entry.ts';
import { fileCompressor, metadataCompressor } from '../policy/compressor-choice.ts';
import type { Policy } from '../policy/policy.ts';
import type { PolicyNode } from '../policy/policy-tree.ts';
import type { DirectoryPrefetch } from './directory-prefetch.ts';
import type { FileUploadEnvironment, FileUploadOptions } from './file-upload.ts';
import {
  loadStoredDirectories,
  type OnUnreadable,
  type StoredDirectory,
} from './previous-directory.ts';
import { readPlaceholder } from './read-placeholder.ts';
import { SmallFileBatcher } from './small-file-batcher.ts';
import { newUploadCounters, type UploadCounters } from './upload-counters.ts';
import type { UploadEvent } from './upload-events.ts';
import { UploadLog, type UploadLogOptions } from './upload-log.ts';

export interface UploadRunOptions {
  readonly writer: RepositoryWriter;
  readonly signal: AbortSignal;
  /** Aborted: begin nothing more, keep what is done as an incomplete snapshot. */
  readonly stopSignal: AbortSignal | undefined;
  /** Entries being worked on at once. */
  readonly parallelism: number;
  /** Bytes; above it the upload stops and the snapshot is incomplete. */
  readonly uploadLimitBytes: number | undefined;
  /** Stop, and keep what is done, at the first error that is not ignored. */
  readonly failFast: boolean;
  /** 0 to 100: how likely an unchanged file is read all the same. */
  readonly forceHashPercent: number;
  /** False: everything is stored, whatever rules the policy and the tree have. */
  readonly applyIgnoreRules: boolean;
  /** False: the storage has lost a content that an index names. Undefined: indexes are believed. */
  readonly isStored: ((info: ContentInfo) => boolean) | undefined;
  /** 0 to 1. */
  readonly randomFraction: () => number;
  readonly actions: SnapshotActions;
  readonly onEvent: (event: UploadEvent) => void;
  readonly log: UploadLogOptions | undefined;
}

/** State that all directories of one upload share. */
export class UploadRun {
  readonly writer: RepositoryWriter;
  readonly signal: AbortSignal;
  readonly counters: UploadCounters = newUploadCounters();
  readonly actions: SnapshotActions;
  readonly onEvent: (event: UploadEvent) => void;
  readonly log: UploadLog;
  readonly applyIgnoreRules: boolean;
  /** One directory at a time has a cache filled with those below it. */
  readonly cacheFills: Budget = new Budget(1);
  /** One less than the parallelism: the caller itself works too. */
  readonly places: Budget;
  readonly batcher: SmallFileBatcher;
  readonly fileEnvironment: FileUploadEnvironment;
  readonly #options: UploadRunOptions;
  readonly #fileOptions: Map<Policy, Map<CompressorName | undefined, FileUploadOptions>> =
    new Map();
  #bytesRead = 0;
  #hasFailedFast = false;

  constructor(options: UploadRunOptions) {
    const { writer, signal } = options;
    this.#options = options;
    this.writer = writer;
    this.signal = signal;
    this.actions = options.actions;
    this.onEvent = options.onEvent;
    this.log = new UploadLog(options.log);
    this.applyIgnoreRules = options.applyIgnoreRules;
    this.places = new Budget(Math.max(0, options.parallelism - 1));
    this.batcher = new SmallFileBatcher(writer, signal);
    this.fileEnvironment = {
      writer,
      batcher: this.batcher,
      signal,
      onBytes: (bytes) => {
        this.#bytesRead += bytes;
        this.onEvent({ type: 'bytes-read', bytes });
      },
      isStopped: () => this.incompleteReason() !== undefined,
      runParts: (parts) => runBeside(this.places, parts),
    };
  }

  /** Why directories closed from now on do not hold everything. */
  incompleteReason(): IncompleteReason | undefined {
    if (this.#hasFailedFast || this.#options.stopSignal?.aborted === true) return 'canceled';
    const { uploadLimitBytes } = this.#options;
    if (uploadLimitBytes !== undefined && this.#bytesRead > uploadLimitBytes) {
      return 'limit reached';
    }
    return undefined;
  }

  /** An entry could not be stored, and the policy does not ignore that: with `failFast` nothing more is begun. */
  countError(): void {
    this.counters.errorCount += 1;
    if (this.#options.failFast) this.#hasFailedFast = true;
  }

  /** What could not be read is recorded and passed over; what the repository fails with ends the upload. */
  isEntryError(error: unknown): boolean {
    if (this.signal.aborted) return false;
    return hasCode(error, 'SOURCE_UNREADABLE') || hasCode(error, 'ACTION_FAILED');
  }

  /** What a placeholder of a shallow restore stands for; undefined for every other entry. */
  async placeholderOf(entry: FileEntry | DirectoryEntry): Promise<DirEntry | undefined> {
    if (!isPlaceholderName(entry.name)) return undefined;
    const found = await readPlaceholder(entry, { signal: this.signal });
    if (found.objectID !== undefined && !this.isStored(found.objectID)) {
      throw new LongshoreError(
        'SOURCE_UNREADABLE',
        `${entry.name} stands for object ${found.objectID}, which the repository does not have`,
        { path: entry.name, objectID: found.objectID },
      );
    }
    return found;
  }

  storedDirectories(
    entries: readonly DirEntry[],
    prefetch?: DirectoryPrefetch,
  ): Promise<readonly StoredDirectory[]> {
    const { writer, signal, onPreviousUnreadable: onUnreadable } = this;
    return loadStoredDirectories(writer, entries, { prefetch, onUnreadable, signal });
  }

  readonly onPreviousUnreadable: OnUnreadable = (name, error) => {
    this.onEvent({ type: 'previous-unreadable', name, error });
  };

  /** False: each file is decided on by itself, whatever its directory looks like. */
  get takesOverDirectories(): boolean {
    return !this.checksStorage && !(this.#options.forceHashPercent > 0);
  }

  /** Whether objects that are taken over are looked for in the storage: see {@link isIntact}. */
  get checksStorage(): boolean {
    return this.#options.isStored !== undefined;
  }

  isForcedToHash(): boolean {
    const { forceHashPercent, randomFraction } = this.#options;
    return forceHashPercent > 0 && randomFraction() * 100 < forceHashPercent;
  }

  /** The same object for all files that are stored alike. */
  fileOptions(directoryNode: PolicyNode, file: FileEntry): FileUploadOptions {
    const node = directoryNode.child(file.name);
    const compressor = fileCompressor(node.policy.compression, file.name, file.size);
    let known = this.#fileOptions.get(node.policy);
    if (known === undefined) {
      known = new Map();
      this.#fileOptions.set(node.policy, known);
    }
    let options = known.get(compressor);
    if (options === undefined) {
      options = fileUploadOptions(node.policy, compressor);
      known.set(compressor, options);
    }
    return options;
  }

  countExcluded(entry: Entry, path: string, byRule: boolean): void {
    const isDirectory = entry.type === 'd';
    if (byRule) {
      if (isDirectory) this.counters.excludedDirCount += 1;
      else {
        this.counters.excludedFileCount += 1;
        this.counters.excludedTotalSize += entry.size;
      }
    }
    this.onEvent({ type: 'entry-excluded', path, isDirectory, size: entry.size });
  }

  /** True if the object's first content is live: an object that garbage collection took is read again. */
  isStored(id: ObjectID): boolean {
    const info = this.writer.contents.contentInfo(objectReference(id).contentID);
    return info !== undefined && !info.deleted;
  }

  /** Whether the storage still has every content of an object that an index names; always true unless it was looked at. */
  async isIntact(id: ObjectID): Promise<boolean> {
    const { isStored } = this.#options;
    if (isStored === undefined) return true;
    const { contents } = this.writer;
    try {
      for await (const contentID of this.writer.verifyObject(id, { signal: this.signal })) {
        const info = contents.contentInfo(contentID);
        if (info === undefined || info.deleted || !isStored(info)) return false;
      }
      return true;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return false;
    }
  }
}

function fileUploadOptions(
  policy: Policy,
  compressor: CompressorName | undefined,
): FileUploadOptions {
  const threshold = policy.upload.parallelUploadAboveSize;
  return {
    compressor,
    metadataCompressor: metadataCompressor(policy.metadataCompression),
    splitter: policy.splitter.algorithm,
    parallelUploadAboveSize: threshold !== undefined && threshold > 0 ? threshold : undefined,
  };
}
