export type {
  ActionFailure,
  ActionInvocation,
  ActionName,
  ActionRunner,
  ActionWorkspace,
} from './actions/action-runner.ts';
export {
  createPolicyActions,
  type ActionEvent,
  type PolicyActionsOptions,
} from './actions/policy-actions.ts';
export type { ActionPlace, SnapshotActions } from './actions/snapshot-actions.ts';
export { ArchiveOutput } from './archive/archive-output.ts';
export { gzipSink, type ArchiveSink } from './archive/archive-sink.ts';
export { createTarOutput } from './archive/tar-output.ts';
export { createZipOutput } from './archive/zip-output.ts';
export {
  fromCivilTime,
  timeZoneOffset,
  toCivilTime,
  UTC,
  type CivilTime,
  type UTCOffset,
} from './civil-time.ts';
export {
  applyRetention,
  createSnapshot,
  type CreatedSnapshot,
  type CreateSnapshotOptions,
} from './create-snapshot.ts';
export {
  compareDirEntries,
  encodeDirEntry,
  encodeDirManifest,
  parseDirManifest,
  type DirEntry,
  type DirManifest,
  type DirSummary,
  type EntryError,
  type IncompleteReason,
} from './dir-manifest.ts';
export { diffEntries } from './diff/diff-entries.ts';
export {
  countDifference,
  newDiffStats,
  type DiffCounts,
  type DiffStats,
} from './diff/diff-stats.ts';
export { listedEntry, type ComparedField, type Difference } from './diff/difference.ts';
export { diagnoseRepository } from './doctor/doctor.ts';
export type { Finding, FindingSeverity } from './doctor/finding.ts';
export { DirManifestBuilder } from './dir-manifest-builder.ts';
export {
  isPlaceholderName,
  MAX_READ_BYTES,
  PLACEHOLDER_SUFFIX,
  type DirectoryEntry,
  type Entry,
  type EntryMetadata,
  type ErrorEntry,
  type FileEntry,
  type FileReader,
  type StreamedPart,
  type SymlinkEntry,
  type UnknownEntry,
} from './entry.ts';
export {
  estimateSnapshot,
  type Estimate,
  type EstimateEvent,
  type EstimateOptions,
} from './estimate/estimate.ts';
export type { SizeBucket } from './estimate/size-buckets.ts';
export {
  fixInvalidFiles,
  removeFiles,
  type FixEvent,
  type FixOptions,
  type InvalidFilesOptions,
  type RemoveFilesOptions,
} from './fix/fix-snapshots.ts';
export type { UnreadableHandling } from './fix/tree-rewriter.ts';
export {
  copyHistory,
  type CopyHistoryEvent,
  type CopyHistoryOptions,
} from './history/copy-history.ts';
export { findDamagedEntries, type DamagedEntry } from './ledger/damage-ledger.ts';
export { maintainRepository, type MaintainOptions } from './maintenance.ts';
export {
  migratePolicies,
  migrateSnapshots,
  type MigrateEvent,
  type MigrateOptions,
  type MigratePoliciesOptions,
} from './migrate/migrate-snapshots.ts';
export { openRepositorySource, type RepositorySourceOptions } from './migrate/repository-source.ts';
export { goModeFromPosix, posixModeFromGo } from './mode.ts';
export {
  DEFAULT_MAX_CACHED_DIRECTORIES,
  DEFAULT_MAX_CACHED_ENTRIES,
} from './mount/directory-cache.ts';
export { mountAllSources, mountEntry, type MountOptions } from './mount/mount.ts';
export type {
  MountedDirectory,
  MountedFile,
  MountedListing,
  MountedNode,
} from './mount/mounted-node.ts';
export {
  isCronExpression,
  parseCronExpression,
  type CronDaysOfMonth,
  type CronDaysOfWeek,
  type CronExpression,
} from './policy/cron-expression.ts';
export {
  nextSnapshotTime,
  type NextSnapshot,
  type ScheduleState,
} from './policy/next-snapshot-time.ts';
export { DEFAULT_POLICY, EMPTY_POLICY, type Policy } from './policy/policy.ts';
export { policyLabels, policyTarget } from './policy/policy-labels.ts';
export { parsePolicy, policyPayload, unknownPolicySettings } from './policy/policy-json.ts';
export type { EffectivePolicy, PolicyOrigin } from './policy/policy-merge.ts';
export { pathAndParents } from './policy/policy-paths.ts';
export {
  getEffectivePolicy,
  getPolicy,
  listPolicies,
  loadPolicyTree,
  removePolicy,
  setPolicy,
  type StoredPolicy,
} from './policy/policy-store.ts';
export { buildPolicyTree, PolicyNode } from './policy/policy-tree.ts';
export { initializeRepository } from './initialize-repository.ts';
export { findPreviousSnapshots } from './previous-snapshots.ts';
export {
  findEntry,
  openObjectEntry,
  readDirectory,
  readEntryDirectory,
} from './repository-entry.ts';
export { checkEntryName } from './restore/entry-name.ts';
export {
  DIRECTORY_PLACEHOLDER_NAME,
  encodePlaceholder,
  parsePlaceholder,
} from './restore/placeholder.ts';
export { restoreSnapshot } from './restore/restore.ts';
export type { RestoreEvent, RestoreSummary } from './restore/restore-events.ts';
export type { RestoreOptions } from './restore/restore-run.ts';
export type {
  OutputAttributes,
  OutputDirectory,
  OutputFile,
  OutputFileAttributes,
  OutputKind,
  RestoreOutput,
} from './restore/restore-output.ts';
export { expiredSnapshots, retentionReasons } from './retention.ts';
export {
  compareSnapshotTimes,
  snapshotPayload,
  type SnapshotDraft,
  type SnapshotManifest,
  type SnapshotStats,
} from './snapshot-manifest.ts';
export { changePins } from './snapshot-pins.ts';
export {
  findReferencedDirectory,
  findReferencedEntry,
  findSnapshotReference,
  type SnapshotReference,
} from './snapshot-reference.ts';
export { listSnapshots, loadSnapshot, saveSnapshot, updateSnapshot } from './snapshot-store.ts';
export {
  formatSource,
  GLOBAL_SOURCE,
  parseSource,
  sameSource,
  snapshotLabels,
  type SourceInfo,
} from './source-info.ts';
export { walkSnapshot, type WalkedEntry, type WalkOptions } from './tree-walker.ts';
export type { UploadEvent } from './upload/upload-events.ts';
export type { UploadLogLine, UploadLogOptions } from './upload/upload-log.ts';
export {
  DEFAULT_CHECKPOINT_INTERVAL_MS,
  uploadTree,
  type UploadOptions,
} from './upload/uploader.ts';
export { verifySnapshots } from './verify/verify.ts';
export type {
  VerifyError,
  VerifyEvent,
  VerifyOptions,
  VerifyResult,
  VerifyRoot,
} from './verify/verify-options.ts';
export { readPlaceholder } from './upload/read-placeholder.ts';
