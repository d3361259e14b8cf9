/** The `stats` of a snapshot manifest while it is being made. Each counter as Kopia counts it; docs/format/snapshot.md. */
export interface UploadCounters {
  totalSize: number;
  excludedTotalSize: number;
  fileCount: number;
  cachedFiles: number;
  nonCachedFiles: number;
  dirCount: number;
  excludedFileCount: number;
  excludedDirCount: number;
  ignoredErrorCount: number;
  errorCount: number;
}

export function newUploadCounters(): UploadCounters {
  return {
    totalSize: 0,
    excludedTotalSize: 0,
    fileCount: 0,
    cachedFiles: 0,
    nonCachedFiles: 0,
    dirCount: 0,
    excludedFileCount: 0,
    excludedDirCount: 0,
    ignoredErrorCount: 0,
    errorCount: 0,
  };
}
