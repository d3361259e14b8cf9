import { describeError, type ObjectID } from '@longshore/repo';
import type { ActionPlace } from '../actions/snapshot-actions.ts';
import { isDamage } from '../damage.ts';
import { DirManifestBuilder } from '../dir-manifest-builder.ts';
import { encodeDirManifest, type DirEntry, type IncompleteReason } from '../dir-manifest.ts';
import {
  isPlaceholderName,
  type ComparedDirectory,
  type DirectoryEntry,
  type Entry,
  type EntryMetadata,
  type ErrorEntry,
  type FileEntry,
  type SameDirectory,
  type SymlinkEntry,
} from '../entry.ts';
import { IgnoreContext } from '../policy/ignore-context.ts';
import { metadataCompressor } from '../policy/compressor-choice.ts';
import type { PolicyNode } from '../policy/policy-tree.ts';
import type { StoredListing } from '../stored-listing.ts';
import { isUnchanged } from '../unchanged.ts';
import {
  FileUpload,
  UploadStopped,
  type FileUploadOptions,
  type UploadedFile,
} from './file-upload.ts';
import { DirectoryPrefetch } from './directory-prefetch.ts';
import { directoryRules, ruleNames, type DirectoryRules } from './directory-rules.ts';
import { PreviousDirectory, storedFiles, type StoredDirectory } from './previous-directory.ts';
import { SMALL_FILE_LENGTH, type SmallFileOutcome } from './small-file-batcher.ts';
import type { LogLevels } from './upload-log.ts';
import type { UploadRun } from './upload-run.ts';

export interface DirectoryUploadParameters {
  readonly run: UploadRun;
  readonly directory: DirectoryEntry;
  /** Relative to the snapshot root with `/`; the root is the empty string. */
  readonly path: string;
  readonly policyNode: PolicyNode;
  /** Ignore rules of the directories above. */
  readonly parentContext: IgnoreContext;
  /** The same directory in previous snapshots, in the order in which they are asked. */
  readonly previous: readonly StoredDirectory[];
}

const DIRECTORY_STORED = 'snapshotted directory';
const FILE_STORED = 'snapshotted file';
const SYMLINK_STORED = 'snapshotted symlink';

/** Uploads one directory: its entries, then its manifest. */
export class DirectoryUpload {
  readonly #run: UploadRun;
  #directory: DirectoryEntry;
  readonly #path: string;
  readonly #policyNode: PolicyNode;
  readonly #levels: LogLevels;
  #parentContext: IgnoreContext;
  #stored: readonly StoredDirectory[];
  #previous: readonly PreviousDirectory[] = [];
  /** Its files and symlinks are this directory's, all of them as they are. */
  #takenOver: Uint8Array | undefined;
  #prefetch: DirectoryPrefetch | undefined;
  readonly #builder: DirManifestBuilder = new DirManifestBuilder();
  readonly #activeDirectories: Set<DirectoryUpload> = new Set();
  readonly #activeFiles: Map<FileEntry, FileUpload> = new Map();
  readonly #tasks: Set<Promise<void>> = new Set();
  /** Small when they were listed, larger when they were read. */
  readonly #grown: (() => Promise<void>)[] = [];
  /** In batches that are on their way. */
  readonly #smallFiles: Outstanding = new Outstanding();
  #failure: { readonly error: unknown } | undefined;
  #added = 0;
  #repeated = 0;
  #failures = 0;

  constructor(parameters: DirectoryUploadParameters) {
    this.#run = parameters.run;
    this.#directory = parameters.directory;
    this.#path = parameters.path;
    this.#policyNode = parameters.policyNode;
    this.#levels = this.#run.log.levels(this.#policyNode.policy.logging);
    this.#parentContext = parameters.parentContext;
    this.#stored = parameters.previous;
  }

  /** The directory's own entry. Throws if the directory cannot be listed or its manifest not be written. */
  async run(): Promise<DirEntry> {
    const { counters, onEvent, actions, log, signal } = this.#run;
    const startMs = log.start(this.#levels.directory);
    counters.dirCount += 1;
    onEvent({ type: 'directory-started', path: this.#path });
    const place: ActionPlace = {
      scope: 'folder',
      directory: this.#directory,
      path: this.#path,
      policyNode: this.#policyNode,
    };
    const work = async (directory: DirectoryEntry): Promise<DirEntry> => {
      if (directory !== this.#directory) this.#redirectTo(directory);
      const entryCount = await this.#uploadChildren(directory);
      const entry = await this.#finish();
      onEvent({ type: 'directory-finished', path: this.#path, entryCount });
      return entry;
    };
    const logged = (outcome: { readonly entry?: DirEntry; readonly error?: string }): void =>
      log.done(this.#levels.directory, DIRECTORY_STORED, this.#path, {
        startMs,
        ...outcome,
      });
    try {
      const entry = await actions.around(place, work, { signal });
      logged({ entry });
      return entry;
    } catch (error) {
      logged({ error: describeError(error) });
      throw error;
    }
  }

  /** Rules of the directories above speak of a tree in which this one does not lie. */
  #redirectTo(directory: DirectoryEntry): void {
    this.#directory = directory;
    this.#parentContext = IgnoreContext.EMPTY;
  }

  /**
   * The directory as far as it is uploaded, stored as incomplete. What ends while this is under way is taken as it is
   * in the end: storing the state of one child may take long, and meanwhile others are done.
   */
  async checkpoint(): Promise<DirEntry> {
    const partial: (readonly [child: DirectoryUpload | FileEntry, entry: DirEntry])[] = [];
    const directories = Array.from(this.#activeDirectories);
    const files = Array.from(this.#activeFiles);
    for (const child of directories) {
      partial.push([child, await child.checkpoint()]);
    }
    for (const [file, upload] of files) {
      for (const objectID of await upload.checkpoint()) {
        const name = `.checkpointed.${file.name}.${crypto.randomUUID()}`;
        partial.push([file, { ...storedEntry(file, objectID), name, rawName: undefined }]);
      }
    }
    const builder = this.#builder.clone();
    this.#addTakenOver(builder);
    for (const [child, entry] of partial) {
      const isActive =
        child instanceof DirectoryUpload
          ? this.#activeDirectories.has(child)
          : this.#activeFiles.has(child);
      if (isActive) builder.add(entry);
    }
    return this.#store(builder, 'checkpoint');
  }

  async #uploadChildren(directory: DirectoryEntry): Promise<number> {
    const compared = await this.#compare(directory);
    if (compared?.same !== undefined && this.#takeOverAll(compared.same)) {
      const { directories, fileCount } = compared.same;
      await this.#startChildren(directories, directory, this.#rules([]).context);
      return fileCount + directories.length;
    }
    // What was lent has come back, perhaps in another place.
    const latest = compared?.same?.listing.bytes ?? compared?.stored;
    const children =
      compared?.children ?? (await directory.readChildren({ signal: this.#run.signal }));
    this.#parsePrevious(latest);
    const { context, isCacheDirectory } = this.#rules(children);
    if (isCacheDirectory) {
      this.#run.counters.excludedDirCount += 1;
      this.#logIgnored(directory, this.#path);
      return 0;
    }
    await this.#startChildren(children, directory, context);
    return children.length;
  }

  #rules(children: readonly Entry[]): DirectoryRules {
    return this.#run.applyIgnoreRules
      ? directoryRules(this.#parentContext, this.#path, this.#policyNode, children)
      : { context: this.#parentContext, isCacheDirectory: false };
  }

  /** Undefined: the entries have to be looked at one by one. */
  async #compare(directory: DirectoryEntry): Promise<ComparedDirectory | undefined> {
    const [latest] = this.#stored;
    const { signal, applyIgnoreRules, takesOverDirectories } = this.#run;
    if (latest === undefined || directory.compare === undefined || !takesOverDirectories) {
      return undefined;
    }
    if (!this.#rules([]).context.excludesNothing) return undefined;
    const exceptions = applyIgnoreRules ? ruleNames(this.#parentContext, this.#policyNode) : [];
    const { call } = this.#run.writer.contents;
    return directory.compare(latest.stream, { exceptions, call, signal });
  }

  /** False if that cannot be: then nothing is. */
  #takeOverAll(same: SameDirectory): boolean {
    const { counters, onEvent, writer } = this.#run;
    const { listing, contentKeys, keyLength, fileCount, totalSize } = same;
    const [latest, ...others] = this.#stored;
    if (latest === undefined) return false;
    const previous = readPrevious(latest.objectID, listing);
    if (previous?.reusableSummary === undefined) return false;
    if (!writer.contents.areLive(contentKeys, keyLength)) return false;
    this.#previous = [previous, ...PreviousDirectory.parse(others, this.#run.onPreviousUnreadable)];
    this.#stored = [];
    this.#takenOver = listing.bytes;
    counters.cachedFiles += fileCount;
    counters.totalSize += totalSize;
    onEvent({ type: 'directory-cached', path: this.#path, files: fileCount, size: totalSize });
    if (this.#levels.cacheHit > 0) this.#logTakenOver(latest.objectID, listing.bytes);
    return true;
  }

  #logTakenOver(objectID: ObjectID, stream: Uint8Array): void {
    const { log } = this.#run;
    const { cacheHit } = this.#levels;
    const startMs = log.start(cacheHit);
    for (const entry of storedFiles(objectID, stream)) {
      log.done(cacheHit, 'cached', this.#childPath(entry.name), { startMs, entry });
    }
  }

  #logIgnored({ type }: Entry, path: string): void {
    const { log } = this.#run;
    const [level, message] =
      type === 'd'
        ? [this.#levels.ignoredDirectory, 'ignored directory']
        : [this.#levels.ignoredEntry, 'ignored'];
    log.done(level, message, path, { startMs: log.start(level) });
  }

  #parsePrevious(latest: Uint8Array | undefined): void {
    const stored = this.#stored.map((directory, index) =>
      index === 0 && latest !== undefined ? { ...directory, stream: latest } : directory,
    );
    this.#stored = [];
    this.#previous = PreviousDirectory.parse(stored, this.#run.onPreviousUnreadable);
  }

  #addTakenOver(builder: DirManifestBuilder): void {
    const [previous] = this.#previous;
    if (this.#takenOver === undefined || previous === undefined) return;
    for (const entry of storedFiles(previous.objectID, this.#takenOver)) builder.add(entry);
  }

  async #startChildren(
    children: readonly Entry[],
    directory: DirectoryEntry,
    context: IgnoreContext,
  ): Promise<void> {
    this.#prefetch = new DirectoryPrefetch(
      this.#run.writer,
      children.flatMap((child) =>
        child.type === 'd'
          ? this.#previousEntries(child).flatMap(({ type, objectID }) =>
              type === 'd' ? (objectID ?? []) : [],
            )
          : [],
      ),
      this.#run.signal,
    );
    await this.#prefetch.fillCache(this.#run.cacheFills);
    try {
      for (const child of children) {
        if (this.#failure !== undefined || this.#run.incompleteReason() !== undefined) break;
        this.#run.signal.throwIfAborted();
        const path = this.#childPath(child.name);
        const exclusion = context.exclusion(child, path, directory.device);
        if (exclusion !== undefined) {
          this.#run.countExcluded(child, path, exclusion === 'rule');
          if (exclusion === 'rule') this.#logIgnored(child, path);
          continue;
        }
        const started = this.#startChild(child, path, context);
        if (started !== undefined) await started;
        if (this.#grown.length > 0) await this.#streamGrown();
      }
    } finally {
      do {
        await this.#smallFiles.ended();
        await this.#streamGrown();
        await Promise.all(this.#tasks);
      } while (this.#tasks.size > 0 || this.#grown.length > 0);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #childPath(name: string): string {
    return this.#path === '' ? name : `${this.#path}/${name}`;
  }

  /**
   * When it resolves the next child may be started: work goes on in the background as far as there is room
   * for it. Undefined: at once, as for most of millions of files.
   */
  #startChild(child: Entry, path: string, context: IgnoreContext): Promise<void> | undefined {
    switch (child.type) {
      case 'd':
        return this.#spawn(() => this.#uploadDirectory(child, path, context));
      case 'f':
      case 's':
        return this.#takeOverOr(child, path, () =>
          child.type === 'f'
            ? this.#startFile(child, path)
            : this.#spawn(() => this.#uploadSymlink(child, path)),
        );
      case 'e':
        this.#recordErrorEntry(child, path);
        return undefined;
      case 'unknown':
        this.#recordUnknown(child, path);
        return undefined;
      default:
        throw new Error('no such kind of entry');
    }
  }

  /** Takes an unchanged entry over from an earlier snapshot, unless the storage has lost a part of it. */
  #takeOverOr(
    entry: FileEntry | SymlinkEntry,
    path: string,
    upload: () => Promise<void> | undefined,
  ): Promise<void> | undefined {
    const startMs = this.#run.log.start(this.#levels.cacheHit);
    const objectID = this.#unchangedObject(entry, path);
    if (objectID === undefined) return upload();
    if (!this.#run.checksStorage) {
      this.#takeOver(entry, path, objectID, startMs);
      return undefined;
    }
    return this.#run.isIntact(objectID).then((isIntact) => {
      if (!isIntact) return upload();
      this.#takeOver(entry, path, objectID, startMs);
      return undefined;
    });
  }

  /** Files that turned out not to be small, each like a larger one: a place and an open file are not had without end. */
  async #streamGrown(): Promise<void> {
    for (const stream of this.#grown.splice(0)) {
      if (this.#failure !== undefined || this.#run.incompleteReason() !== undefined) return;
      try {
        await this.#spawn(stream);
      } catch (error) {
        this.#failure ??= { error };
      }
    }
  }

  /** Runs `work` beside this directory if a place is free, else before anything else. */
  async #spawn(work: () => Promise<void>): Promise<void> {
    const release = this.#run.places.tryAcquire(1);
    if (release === undefined) {
      await work();
      return;
    }
    this.#background(work().finally(release));
  }

  #background(work: Promise<void>): void {
    const task: Promise<void> = work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  async #uploadDirectory(
    child: DirectoryEntry,
    path: string,
    context: IgnoreContext,
  ): Promise<void> {
    const policyNode = this.#policyNode.child(child.name);
    let upload: DirectoryUpload | undefined;
    try {
      const placeholder = await this.#run.placeholderOf(child);
      if (placeholder !== undefined) {
        this.#add(placeholder);
        const { log } = this.#run;
        const { directory: level } = log.levels(policyNode.policy.logging);
        const startMs = log.start(level);
        log.done(level, DIRECTORY_STORED, path, { startMs, entry: placeholder });
        return;
      }
      upload = new DirectoryUpload({
        run: this.#run,
        directory: child,
        path,
        policyNode,
        parentContext: context,
        previous: await this.#run.storedDirectories(this.#previousEntries(child), this.#prefetch),
      });
      this.#activeDirectories.add(upload);
      this.#add(await upload.run());
    } catch (error) {
      if (!this.#run.isEntryError(error)) throw error;
      const ignored = policyNode.policy.errorHandling.ignoreDirectoryErrors === true;
      this.#recordError(path, error, ignored);
    } finally {
      if (upload !== undefined) this.#activeDirectories.delete(upload);
    }
  }

  /** Small files are read and stored with others; a larger one takes a place of its own. */
  #startFile(file: FileEntry, path: string): Promise<void> | undefined {
    const run = this.#run;
    if (isPlaceholderName(file.name)) return this.#addPlaceholder(file, path);
    run.counters.nonCachedFiles += 1;
    run.onEvent({ type: 'file-hashing', path, size: file.size });
    const startMs = run.log.start(this.#levels.entry);
    const options = run.fileOptions(this.#policyNode, file);
    if (file.size > SMALL_FILE_LENGTH || file.stream !== undefined) {
      return this.#spawn(() => this.#streamFile(file, path, options, startMs));
    }
    const done = (outcome: SmallFileOutcome): void => {
      try {
        this.#settleSmallFile(file, path, options, startMs, outcome);
      } catch (error) {
        this.#failure ??= { error };
      } finally {
        this.#smallFiles.end();
      }
    };
    this.#smallFiles.start();
    if (run.batcher.tryAdd(file, options, done)) return undefined;
    return this.#addWithRoom(file, options, done);
  }

  async #addWithRoom(
    file: FileEntry,
    options: FileUploadOptions,
    done: (outcome: SmallFileOutcome) => void,
  ): Promise<void> {
    try {
      await this.#run.batcher.add(file, options, done);
    } catch (error) {
      done({ error });
    }
  }

  #settleSmallFile(
    file: FileEntry,
    path: string,
    options: FileUploadOptions,
    startMs: number,
    outcome: SmallFileOutcome,
  ): void {
    if ('error' in outcome) {
      this.#recordFileError(path, outcome.error, FILE_STORED, startMs);
    } else if ('grew' in outcome) {
      this.#grown.push(() => this.#streamFile(file, path, options, startMs));
    } else {
      const { objectID, length: size } = outcome;
      this.#run.fileEnvironment.onBytes(size);
      this.#addFile(file, path, { objectID, size, parts: 1 }, startMs);
    }
  }

  async #addPlaceholder(file: FileEntry, path: string): Promise<void> {
    const { log } = this.#run;
    const startMs = log.start(this.#levels.entry);
    try {
      const placeholder = await this.#run.placeholderOf(file);
      if (placeholder === undefined) return;
      this.#add(placeholder);
      log.done(this.#levels.entry, FILE_STORED, path, { startMs, entry: placeholder });
    } catch (error) {
      this.#recordFileError(path, error, FILE_STORED, startMs);
    }
  }

  async #streamFile(
    file: FileEntry,
    path: string,
    options: FileUploadOptions,
    startMs: number,
  ): Promise<void> {
    const upload = new FileUpload(this.#run.fileEnvironment, file, options);
    this.#activeFiles.set(file, upload);
    try {
      this.#addFile(file, path, await upload.run(), startMs);
    } catch (error) {
      // What is stopped in the middle has no entry; its directory says that it is incomplete.
      if (!(error instanceof UploadStopped)) {
        this.#recordFileError(path, error, FILE_STORED, startMs);
      }
    } finally {
      this.#activeFiles.delete(file);
    }
  }

  #addFile(
    file: FileEntry,
    path: string,
    { objectID, size, parts }: UploadedFile,
    startMs: number,
  ): void {
    const { counters, onEvent, log } = this.#run;
    counters.fileCount += parts;
    counters.totalSize += size;
    const entry = { ...storedEntry(file, objectID), size };
    this.#add(entry);
    onEvent({ type: 'file-finished', path, size });
    if (this.#levels.entry > 0) log.done(this.#levels.entry, FILE_STORED, path, { startMs, entry });
  }

  async #uploadSymlink(link: SymlinkEntry, path: string): Promise<void> {
    const { writer, signal, log } = this.#run;
    const startMs = log.start(this.#levels.entry);
    try {
      const target = link.readTarget();
      const { policy } = this.#policyNode.child(link.name);
      const objectID = await writer.writeObject(target, {
        metadataCompressor: metadataCompressor(policy.metadataCompression),
        signal,
      });
      const entry = { ...storedEntry(link, objectID), size: target.length };
      this.#add(entry);
      log.done(this.#levels.entry, SYMLINK_STORED, path, { startMs, entry });
    } catch (error) {
      this.#recordFileError(path, error, SYMLINK_STORED, startMs);
    }
  }

  #previousEntries(entry: EntryMetadata): readonly DirEntry[] {
    // A name that was mangled when it was stored may belong to several files: it never matches.
    return entry.rawName === undefined ? PreviousDirectory.find(this.#previous, entry.name) : [];
  }

  /** What an earlier snapshot holds for this entry, if it did not change and is still there. */
  #unchangedObject(entry: FileEntry | SymlinkEntry, path: string): ObjectID | undefined {
    const candidates = this.#previousEntries(entry);
    const match = candidates.find((previous) => isUnchanged(previous, entry));
    const objectID = match?.objectID;
    if (objectID === undefined || !this.#run.isStored(objectID)) {
      const missed = candidates.at(-1);
      if (missed !== undefined) this.#run.log.cacheMiss(this.#levels.cacheMiss, path, missed);
      return undefined;
    }
    if (!this.#run.isForcedToHash()) return objectID;
    this.#run.log.rehashed(objectID, path);
    return undefined;
  }

  #takeOver(
    entry: FileEntry | SymlinkEntry,
    path: string,
    objectID: ObjectID,
    startMs: number,
  ): void {
    const { counters, onEvent, log } = this.#run;
    counters.cachedFiles += 1;
    counters.totalSize += entry.size;
    const stored = storedEntry(entry, objectID);
    this.#add(stored);
    onEvent({ type: 'file-cached', path, size: entry.size });
    const { cacheHit } = this.#levels;
    if (cacheHit > 0) log.done(cacheHit, 'cached', path, { startMs, entry: stored });
  }

  #add(entry: DirEntry): void {
    this.#builder.add(entry);
    this.#added += 1;
    const previous = this.#previous[0]?.entries.get(entry.name);
    if (previous !== undefined && isSameEntry(previous, entry)) this.#repeated += 1;
  }

  /** The latest previous directory, if what was added is just what it holds: its object is this one's. */
  #repeatedDirectory(): PreviousDirectory | undefined {
    const previous = this.#previous[0];
    if (previous === undefined || this.#repeated !== this.#added) return undefined;
    const isEmpty = this.#added === 0 && this.#takenOver === undefined;
    if (isEmpty || this.#added !== previous.entries.size || this.#failures > 0) {
      return undefined;
    }
    return this.#run.isStored(previous.objectID) ? previous : undefined;
  }

  /** Errors of the source are recorded; everything else ends the upload. */
  #recordFileError(path: string, error: unknown, message: string, startMs: number): void {
    if (!this.#run.isEntryError(error)) throw error;
    this.#logError(message, path, error, startMs);
    const ignored = this.#policyNode.policy.errorHandling.ignoreFileErrors === true;
    this.#recordError(path, error, ignored);
  }

  #recordErrorEntry(entry: ErrorEntry, path: string): void {
    const { errorHandling } = this.#policyNode.child(entry.name).policy;
    const ignored =
      entry.expectedType === 'd'
        ? errorHandling.ignoreDirectoryErrors === true
        : errorHandling.ignoreFileErrors === true;
    this.#logError('error', path, entry.error);
    this.#recordError(path, entry.error, ignored);
  }

  /** Ignored by default, and then without a trace. */
  #recordUnknown(entry: EntryMetadata, path: string): void {
    const { ignoreUnknownTypes = true } = this.#policyNode.child(entry.name).policy.errorHandling;
    if (ignoreUnknownTypes) return;
    const error = new Error('unknown or unsupported entry type');
    this.#logError('unknown entry', path, error);
    this.#recordError(path, error, false);
  }

  #logError(
    message: string,
    path: string,
    error: unknown,
    startMs: number = this.#run.log.start(this.#levels.entry),
  ): void {
    const text = describeError(error);
    this.#run.log.done(this.#levels.entry, message, path, { startMs, error: text });
  }

  #recordError(path: string, error: unknown, ignored: boolean): void {
    const { counters, onEvent } = this.#run;
    const text = describeError(error);
    this.#builder.addError({ path, error: text }, ignored);
    this.#failures += 1;
    if (ignored) counters.ignoredErrorCount += 1;
    else this.#run.countError();
    onEvent({ type: 'entry-failed', path, error: text, ignored });
  }

  /** A directory that did not change is neither built nor hashed again. */
  async #finish(): Promise<DirEntry> {
    const incomplete = this.#run.incompleteReason();
    const repeated = incomplete === undefined ? this.#repeatedDirectory() : undefined;
    const summary = repeated?.reusableSummary;
    if (repeated === undefined || summary === undefined) {
      this.#addTakenOver(this.#builder);
      // A checkpoint from now on finds them in the builder.
      this.#takenOver = undefined;
      return this.#store(this.#builder, incomplete);
    }
    return { ...storedEntry(this.#directory, repeated.objectID), size: 0, summary };
  }

  async #store(builder: DirManifestBuilder, incomplete?: IncompleteReason): Promise<DirEntry> {
    const { writer, signal } = this.#run;
    const manifest = builder.build(this.#directory.mtime, incomplete);
    const compressor = metadataCompressor(this.#policyNode.policy.metadataCompression);
    const objectID = await writer.writeObject(encodeDirManifest(manifest), {
      prefix: 'k',
      compressor,
      metadataCompressor: compressor,
      signal,
    });
    return { ...storedEntry(this.#directory, objectID), size: 0, summary: manifest.summary };
  }
}

/** Undefined if it is damaged: the way through each entry says so. */
function readPrevious(objectID: ObjectID, listing: StoredListing): PreviousDirectory | undefined {
  try {
    return PreviousDirectory.ofListing(objectID, listing);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
}

/** Counts what was started and has not ended. */
class Outstanding {
  #count = 0;
  #waiting: (() => void)[] = [];

  start(): void {
    this.#count += 1;
  }

  end(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  async ended(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** True if both are stored as the same bytes. A name that was mangled may stand for another file. */
function isSameEntry(previous: DirEntry, entry: DirEntry): boolean {
  return (
    entry.rawName === undefined &&
    previous.objectID === entry.objectID &&
    previous.type === entry.type &&
    previous.mode === entry.mode &&
    previous.size === entry.size &&
    previous.mtime === entry.mtime &&
    previous.uid === entry.uid &&
    previous.gid === entry.gid
  );
}

/** The metadata of a local entry as a directory stores it. */
export function storedEntry(
  entry: EntryMetadata & { readonly type: string },
  objectID: ObjectID,
): DirEntry {
  const { name, rawName, type, mode, size, mtime, uid, gid } = entry;
  return { name, rawName, type, mode, size, mtime, uid, gid, objectID };
}
