export {
  KEY_DERIVATION_NAMES,
  type AesGcm,
  type Algorithms,
  type KeyDerivationName,
} from './algorithms.ts';
export {
  abortOptions,
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobReader,
  type BlobRetention,
  type BlobStorage,
  type ByteRange,
  type PutBlobOptions,
  type RetentionMode,
} from './blob/storage.ts';
export type { StorageOperation } from './blob/decorate-storage.ts';
export {
  REQUEST_CLASSES,
  RequestMeter,
  totalRequests,
  type RequestClass,
  type RequestCounts,
  type StorageRequest,
} from './blob/request-meter.ts';
export {
  createMemoryStorage,
  type MemoryStorage,
  type MemoryStorageOptions,
} from './blob/memory-storage.ts';
export {
  createObservedStorage,
  createStorageCounters,
  type ObservedStorageOptions,
  type OperationCounters,
  type StorageCounters,
  type StorageEvent,
} from './blob/observed.ts';
export { createPrefixedStorage } from './blob/prefixed.ts';
export { createReadOnlyStorage } from './blob/read-only.ts';
export {
  createRetryingStorage,
  DEFAULT_RETRY_POLICY,
  type RetryEvent,
  type RetryingStorageOptions,
  type RetryPolicy,
} from './blob/retrying.ts';
export {
  createThrottledStorage,
  type ThrottledStorage,
  type ThrottlingLimits,
  type ThrottlingOptions,
} from './blob/throttling.ts';
export {
  bytesLength,
  bytesParts,
  compareBytes,
  concatBytes,
  decodeHex,
  decodeUtf8,
  encodeHex,
  encodeUtf8,
  equalBytes,
  ownBytes,
  type Bytes,
} from './bytes.ts';
export {
  createSystemClock,
  formatGoTime,
  GO_ZERO_TIME,
  NANOSECONDS_PER_MILLISECOND,
  NANOSECONDS_PER_SECOND,
  parseGoTime,
  systemSleep,
  webRandomSource,
  type Clock,
  type EpochNanoseconds,
  type RandomSource,
  type Sleep,
} from './clock.ts';
export {
  COMPRESSION_HEADER_IDS,
  type Compressor,
  type CompressorName,
} from './compression/compressor.ts';
export { crc32 } from './compression/crc32.ts';
export type { CompressorTable } from './compression/compressor-table.ts';
export { createMemoryCache, type ContentCache } from './content/content-cache.ts';
export { planMemory, type MemoryDemand, type MemoryPlan } from './memory-plan.ts';
export type { ContentEngine, ContentEngineFactory } from './content/content-engine.ts';
export {
  contentPrefix,
  isContentID,
  parseContentID,
  type ContentID,
  type ContentPrefix,
} from './content/content-id.ts';
export { ContentIDSet } from './content/content-id-set.ts';
export type { ContentInfo } from './content/content-info.ts';
export type { ContentManager, WriteContentOptions } from './content/content-manager.ts';
export type {
  ContentPreparer,
  FilePlace,
  Slot,
  SlotPool,
  ThreadCall,
  ThreadFunction,
  WrittenContent,
} from './content/content-preparer.ts';
export type {
  ContentDestinations,
  ContentReader,
  IterateContentsOptions,
  ReadContentsOptions,
} from './content/content-reader.ts';
export { createRepository, type CreateOptions } from './create.ts';
export {
  createErrorCorrection,
  ECC_NAMES,
  type ErrorCorrection,
} from './ecc/reed-solomon-crc32.ts';
export { ENCRYPTION_NAMES, type EncryptionName } from './encryption/content-cipher.ts';
export { writeEpochStart, type EpochSnapshot, type RangeSet } from './epoch/epoch-snapshot.ts';
export {
  CorruptDataError,
  describeError,
  errorCode,
  hasCode,
  invariant,
  LongshoreError,
  type ErrorCode,
  type ErrorFacts,
} from './errors.ts';
export { changePassword, setParameters, type ParameterChanges } from './format/change-format.ts';
export type { FormatCache, RememberedFormat } from './format/format-cache.ts';
export { openFormat, type FormatManager } from './format/format-manager.ts';
export {
  encodeGoJSON,
  encodeGoString,
  field,
  GoRawJSON,
  parseGoJSON,
  sortedRecord,
} from './format/go-json.ts';
export { decodeGoUtf8 } from './format/go-utf8.ts';
export type { FormatVersion, RepositoryFormat } from './format/parameters.ts';
export { recoverFormatBlob } from './format/recover-format.ts';
export { HASH_NAMES, type HashName } from './hashing/content-hash.ts';
export {
  closeIndexGaps,
  commitRecoveredEntries,
  createIndexInspector,
  type ClosedIndexGaps,
  type CommitRecoveredOptions,
  type IndexInspector,
  type IndexInspectorOptions,
} from './index-inspector.ts';
export {
  defaultMaintenanceParameters,
  MAINTENANCE_LABELS,
  maintenanceParametersJSON,
  parseMaintenanceParameters,
  type MaintenanceParameters,
} from './maintenance/parameters.ts';
export { optimizeIndexes, type OptimizeIndexesOptions } from './maintenance/optimize-indexes.ts';
export { collectBlobs, rewriteContents, type ByHandOptions } from './maintenance/by-hand.ts';
export type { RewriteSelection } from './maintenance/content-rewrite.ts';
export {
  dueMode,
  maintenanceIdentity,
  runMaintenance,
  type MaintenanceLock,
  type MaintenanceOptions,
  type MaintenanceResult,
  type MaintenanceSkip,
} from './maintenance/run.ts';
export {
  SAFETY_PARAMETERS,
  type SafetyLevel,
  type SafetyParameters,
} from './maintenance/safety.ts';
export {
  encodeSchedule,
  type MaintenanceRun,
  type MaintenanceSchedule,
  type MaintenanceStatistics,
} from './maintenance/schedule.ts';
export { loadSchedule, storeSchedule } from './maintenance/schedule-blob.ts';
export { loadMaintenanceParameters } from './maintenance/stored-parameters.ts';
export { surveyRepository, type RepositorySurvey } from './maintenance/survey.ts';
export type {
  MaintenanceChange,
  MaintenanceEvent,
  MaintenanceMode,
  MaintenanceTask,
  SnapshotGC,
  TaskContext,
} from './maintenance/tasks.ts';
export { checkLockExtension } from './maintenance/extend-locks.ts';
export { LOG_PREFIX, partitionLogs } from './maintenance/log-cleanup.ts';
export { loadManifests } from './manifest/load-manifests.ts';
export { isManifestID, parseManifestID } from './manifest/manifest-id.ts';
export {
  indexObjectID,
  isDirectoryObjectID,
  objectReference,
  parseObjectID,
  type ObjectID,
  type ObjectReference,
} from './object/object-id.ts';
export { decodeDirectObject } from './object/object-reader.ts';
export { openRepository, type OpenOptions } from './open.ts';
export { Budget, forEachLimit, runBeside, type ForEachLimitOptions } from './parallel.ts';
export { portableAlgorithms } from './portable-algorithms.ts';
export {
  prefetchMetadata,
  prefetchObjects,
  type PrefetchObjectsOptions,
  type PrefetchResult,
} from './prefetch.ts';
export {
  OpenRepository,
  OpenWritableRepository,
  writeSession,
  type ClientIdentity,
} from './repository.ts';
export type {
  Labels,
  Manifest,
  ManifestEntry,
  ManifestID,
  ObjectChunk,
  ObjectReader,
  ObjectWriter,
  ObjectWriterOptions,
  Repository,
  RepositoryWriter,
  WritableRepository,
  WriteSessionOptions,
  StreamOptions,
} from './repository-contract.ts';
export {
  syncStorages,
  type KeptBlob,
  type SyncEvent,
  type SyncOptions,
  type SyncResult,
  type SyncTally,
} from './sync/sync-storages.ts';
export { listSessions, type ListedSession } from './content/write-session.ts';
export { StoredPacks } from './content/stored-packs.ts';
export type { LostContent } from './heal/examine-pack.ts';
export {
  healRepository,
  type HealedPack,
  type HealEvent,
  type HealOptions,
  type HealResult,
  type PackProblem,
} from './heal/heal-repository.ts';
export { hasDifferences, type IndexDifferences } from './content/indexblob/compare-indexes.ts';
export { rollBackUpgrade, type RollBackOutcome } from './upgrade/roll-back-upgrade.ts';
export {
  upgradeRepository,
  type UpgradeEnvironment,
  type UpgradeEvent,
  type UpgradeOptions,
  type UpgradeOutcome,
} from './upgrade/upgrade-repository.ts';
export { validateUpgrade } from './upgrade/validate-upgrade.ts';
export {
  verifyRotating,
  type RotatingVerificationEvent,
  type RotatingVerificationOptions,
  type RotatingVerificationResult,
} from './verification/rotating-verification.ts';
export type { RotationCoverage } from './verification/rotation.ts';
export type { BlobDamage } from './verification/verify-blob.ts';
