export { createDiskCache, type DiskCache, type DiskCacheOptions } from './disk-cache.ts';
export { loadFFI } from './ffi.ts';
export { openFilesystemStorage, type FilesystemStorageOptions } from './filesystem-storage.ts';
export { createMaintenanceLock } from './maintenance-lock.ts';
export { makeDirectoriesSync } from './make-directories.ts';
export { nativeAlgorithms, type NativeAlgorithmsOptions } from './native-algorithms.ts';
export { nativeEngine, type NativeEngineOptions } from './native-engine.ts';
export {
  reshardFolder,
  type ReshardEvent,
  type ReshardOptions,
  type ReshardResult,
  type ShardingChanges,
} from './reshard-folder.ts';
export { createS3Storage, type S3ConfigCache, type S3StorageOptions } from './s3-storage.ts';
export { writeFullyAt, writeSparselyAt } from './positional-write.ts';
export { openRegularFile, readWholeFile, type LocalPath } from './whole-file.ts';
export { limitYoungGeneration, type YoungGenerationOptions } from './young-generation.ts';
