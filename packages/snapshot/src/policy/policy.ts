/** How many snapshots to keep. A limit that is not set keeps none of its kind. */
export interface RetentionPolicy {
  readonly keepLatest?: number | undefined;
  readonly keepHourly?: number | undefined;
  readonly keepDaily?: number | undefined;
  readonly keepWeekly?: number | undefined;
  readonly keepMonthly?: number | undefined;
  readonly keepAnnual?: number | undefined;
  /** Do not save a snapshot whose root object is that of the previous one. */
  readonly ignoreIdenticalSnapshots?: boolean | undefined;
}

/** Which entries of a directory are read at all. */
export interface FilesPolicy {
  readonly ignore?: readonly string[] | undefined;
  /** Without effect in Kopia: rules of parent directories always apply. */
  readonly noParentIgnore?: boolean | undefined;
  /** Names of files in each directory that hold more ignore rules. */
  readonly ignoreDotFiles?: readonly string[] | undefined;
  /** Without effect in Kopia. */
  readonly noParentDotFiles?: boolean | undefined;
  /** Not set: true. */
  readonly ignoreCacheDirs?: boolean | undefined;
  /** Bytes. Not set: no limit. */
  readonly maxFileSize?: number | undefined;
  readonly oneFileSystem?: boolean | undefined;
}

/** Whether an entry that cannot be read counts as a failure of the snapshot. */
export interface ErrorHandlingPolicy {
  readonly ignoreFileErrors?: boolean | undefined;
  readonly ignoreDirectoryErrors?: boolean | undefined;
  /** Not set: true. */
  readonly ignoreUnknownTypes?: boolean | undefined;
}

export interface TimeOfDay {
  readonly hour: number;
  readonly min: number;
}

export interface SchedulingPolicy {
  readonly intervalSeconds?: number | undefined;
  readonly timeOfDay?: readonly TimeOfDay[] | undefined;
  readonly noParentTimeOfDay?: boolean | undefined;
  /** Never by a schedule; excludes every other setting of this section. */
  readonly manual?: boolean | undefined;
  readonly cron?: readonly string[] | undefined;
  readonly runMissed?: boolean | undefined;
}

export interface CompressionPolicy {
  /** Empty, `none` or not set: files are not compressed. */
  readonly compressorName?: string | undefined;
  /** Extensions with their dot. Only overrides `neverCompress`: other files are compressed all the same. */
  readonly onlyCompress?: readonly string[] | undefined;
  readonly noParentOnlyCompress?: boolean | undefined;
  readonly neverCompress?: readonly string[] | undefined;
  readonly noParentNeverCompress?: boolean | undefined;
  /** Bytes. */
  readonly minSize?: number | undefined;
  /** Bytes. */
  readonly maxSize?: number | undefined;
}

/** Compression of directory manifests and index objects. */
export interface MetadataCompressionPolicy {
  readonly compressorName?: string | undefined;
}

export interface SplitterPolicy {
  /** Not set: the repository's default. */
  readonly algorithm?: string | undefined;
}

/** A program to run around a directory or a snapshot. */
export interface ActionCommand {
  readonly path?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly script?: string | undefined;
  /** Seconds. */
  readonly timeout?: number | undefined;
  /** `essential`, `optional` or `async`. */
  readonly mode?: string | undefined;
}

export interface ActionsPolicy {
  readonly beforeFolder?: ActionCommand | undefined;
  readonly afterFolder?: ActionCommand | undefined;
  readonly beforeSnapshotRoot?: ActionCommand | undefined;
  readonly afterSnapshotRoot?: ActionCommand | undefined;
}

export interface VolumeShadowCopyPolicy {
  /** 0 never, 1 always, 2 when available. */
  readonly enable?: number | undefined;
}

export interface OSSnapshotsPolicy {
  readonly volumeShadowCopy: VolumeShadowCopyPolicy;
}

/** Levels of detail, 0 to 10. */
export interface DirectoryLoggingPolicy {
  readonly snapshotted?: number | undefined;
  readonly ignored?: number | undefined;
}

/** Levels of detail, 0 to 10. */
export interface EntryLoggingPolicy {
  readonly snapshotted?: number | undefined;
  readonly ignored?: number | undefined;
  readonly cacheHit?: number | undefined;
  readonly cacheMiss?: number | undefined;
}

export interface LoggingPolicy {
  readonly directories: DirectoryLoggingPolicy;
  readonly entries: EntryLoggingPolicy;
}

export interface UploadPolicy {
  /** Sources at once. Not allowed for a path. */
  readonly maxParallelSnapshots?: number | undefined;
  /** Not set: the number of processors. */
  readonly maxParallelFileReads?: number | undefined;
  /** Bytes above which a file is uploaded in parts of this size. Negative or not set: never. */
  readonly parallelUploadAboveSize?: number | undefined;
}

/**
 * The settings of one target as they are stored: a member that is absent is not set and may be inherited.
 * Every section is always there. Source: docs/format/policy.md.
 */
export interface Policy {
  readonly retention: RetentionPolicy;
  readonly files: FilesPolicy;
  readonly errorHandling: ErrorHandlingPolicy;
  readonly scheduling: SchedulingPolicy;
  readonly compression: CompressionPolicy;
  readonly metadataCompression: MetadataCompressionPolicy;
  readonly splitter: SplitterPolicy;
  readonly actions: ActionsPolicy;
  readonly osSnapshots: OSSnapshotsPolicy;
  readonly logging: LoggingPolicy;
  readonly upload: UploadPolicy;
  /** Inherit nothing, not even the built-in defaults. */
  readonly noParent?: boolean | undefined;
}

/** A policy that sets nothing. */
export const EMPTY_POLICY: Policy = {
  retention: {},
  files: {},
  errorHandling: {},
  scheduling: {},
  compression: {},
  metadataCompression: {},
  splitter: {},
  actions: {},
  osSnapshots: { volumeShadowCopy: {} },
  logging: { directories: {}, entries: {} },
  upload: {},
};

/** The built-in defaults of Kopia, and the global policy of a new repository. */
export const DEFAULT_POLICY: Policy = {
  retention: {
    keepLatest: 10,
    keepHourly: 48,
    keepDaily: 7,
    keepWeekly: 4,
    keepMonthly: 24,
    keepAnnual: 3,
    ignoreIdenticalSnapshots: false,
  },
  files: { ignoreDotFiles: ['.kopiaignore'] },
  errorHandling: {
    ignoreFileErrors: false,
    ignoreDirectoryErrors: false,
    ignoreUnknownTypes: true,
  },
  scheduling: { runMissed: true },
  compression: { compressorName: 'none' },
  metadataCompression: { compressorName: 'zstd-fastest' },
  splitter: {},
  actions: {},
  osSnapshots: { volumeShadowCopy: { enable: 0 } },
  logging: {
    directories: { snapshotted: 5, ignored: 5 },
    entries: { snapshotted: 0, ignored: 5, cacheHit: 0, cacheMiss: 0 },
  },
  upload: { maxParallelSnapshots: 1, parallelUploadAboveSize: 2 ** 31 },
};
