import {
  abortOptions,
  type AbortOptions,
  type BlobID,
  type BlobRetention,
  type BlobStorage,
} from '../blob/storage.ts';
import { equalBytes } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import { BLOBCFG_BLOB_ID, retentionOf, validateRetention } from './blobcfg-blob.ts';
import { validateEpochParameters } from './epoch-parameters.ts';
import { FORMAT_BLOB_ID } from './format-blob.ts';
import type { FormatManager } from './format-manager.ts';
import {
  deriveFormatKeys,
  readIfPresent,
  sealFormatState,
  type FormatState,
  type SealedFormat,
} from './format-state.ts';
import { validateMaxPackSize, validatePassword } from './format-validation.ts';
import type {
  BlobConfiguration,
  EpochParameters,
  IndexVersion,
  MutableParameters,
  RepositoryFormat,
  RequiredFeature,
} from './parameters.ts';
import { KNOWN_FEATURES } from './required-features.ts';
import { changeFormatMembers } from './stored-format.ts';

export interface ChangeFormatOptions extends AbortOptions {
  readonly storage: BlobStorage;
  readonly clock: Clock;
}

/** What is left out stays as it is. */
export interface ParameterChanges {
  /** Bytes, 10 to 120 MiB. */
  readonly maxPackSize?: number;
  readonly indexVersion?: IndexVersion;
  readonly epochParameters?: Partial<EpochParameters>;
  /** Undefined turns retention off. */
  readonly retention?: BlobRetention | undefined;
  /** Replaces a feature of the same name. */
  readonly addRequiredFeatures?: readonly RequiredFeature[];
  readonly removeRequiredFeatures?: readonly string[];
}

/**
 * Changes parameters, starting from what is on the storage now. False, and nothing written, if they are so
 * already. INVALID_ARGUMENT for values that Kopia would refuse; UNSUPPORTED for a change that needs an upgrade.
 */
export async function setParameters(
  manager: FormatManager,
  changes: ParameterChanges,
  options: ChangeFormatOptions,
): Promise<boolean> {
  await manager.refresh(options);
  const { state } = manager;
  const parameters = changedParameters(state.stored.format, changes);
  const retention = 'retention' in changes ? changes.retention : state.blobConfiguration;
  if (retention !== undefined) validateRetention(retention);
  if (Object.keys(parameters).length === 0 && isSameRetention(retention, state.blobConfiguration)) {
    return false;
  }
  const loadedAt = options.clock();
  const members = changeFormatMembers(state.stored.members, parameters);
  const { blob, keys } = state;
  const sealed = await sealFormatState(manager.algorithms, blob, keys, members, retention);
  options.signal?.throwIfAborted();
  await putBoth(options.storage, sealed);
  manager.adopt(sealed.state, loadedAt);
  return true;
}

/** The validated parameters that differ from the stored ones. */
function changedParameters(
  format: RepositoryFormat,
  changes: ParameterChanges,
): Partial<MutableParameters> {
  const { maxPackSize, indexVersion } = changes;
  if (maxPackSize !== undefined) validateMaxPackSize(maxPackSize);
  if (indexVersion !== undefined) validateIndexVersion(format, indexVersion);
  const epochParameters = changedEpochParameters(format, changes.epochParameters ?? {});
  const requiredFeatures = changedFeatures(format, changes);
  return {
    ...(maxPackSize === undefined || maxPackSize === format.maxPackSize ? {} : { maxPackSize }),
    ...(indexVersion === undefined || indexVersion === format.indexVersion ? {} : { indexVersion }),
    ...(epochParameters === undefined ? {} : { epochParameters }),
    ...(requiredFeatures === undefined ? {} : { requiredFeatures }),
  };
}

function validateIndexVersion(format: RepositoryFormat, indexVersion: IndexVersion): void {
  if (indexVersion !== 1 && indexVersion !== 2) {
    throw new LongshoreError('INVALID_ARGUMENT', 'the index version must be 1 or 2');
  }
  if (indexVersion < format.indexVersion) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'the index version cannot go back to 1: its entries cannot name the compression of contents',
    );
  }
}

function changedEpochParameters(
  format: RepositoryFormat,
  changes: Partial<EpochParameters>,
): EpochParameters | undefined {
  const current = format.epochParameters;
  const epochParameters = { ...current, ...changes };
  const keys = Object.keys(current) as (keyof EpochParameters)[];
  if (keys.every((key) => epochParameters[key] === current[key])) return undefined;
  if (!current.enabled) {
    throw new LongshoreError(
      'UNSUPPORTED',
      'this repository has no epochs; `repository upgrade` moves its indexes to them',
    );
  }
  if (!epochParameters.enabled) {
    throw new LongshoreError('INVALID_ARGUMENT', 'epochs cannot be switched off again');
  }
  validateEpochParameters(epochParameters);
  return epochParameters;
}

function changedFeatures(
  format: RepositoryFormat,
  changes: ParameterChanges,
): readonly RequiredFeature[] | undefined {
  const added = changes.addRequiredFeatures ?? [];
  for (const { feature, ifNotUnderstood } of added) {
    if (ifNotUnderstood.warn || KNOWN_FEATURES.includes(feature)) continue;
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `requiring the feature ${JSON.stringify(feature)} would shut this version out of the repository`,
    );
  }
  const removed = changes.removeRequiredFeatures ?? [];
  const dropped = new Set([...removed, ...added.map(({ feature }) => feature)]);
  const kept = format.requiredFeatures.filter(({ feature }) => !dropped.has(feature));
  if (added.length === 0 && kept.length === format.requiredFeatures.length) return undefined;
  return [...kept, ...added];
}

function isSameRetention(a: BlobConfiguration, b: BlobConfiguration): boolean {
  return a?.mode === b?.mode && a?.periodNanoseconds === b?.periodNanoseconds;
}

/**
 * Seals both blobs under a new password; keys of contents stay, so nothing else is written. UNSUPPORTED
 * where the password is part of other keys. Between the two puts no password opens both blobs: an abort is
 * not looked at there, and if the second put fails the first one is taken back.
 */
export async function changePassword(
  manager: FormatManager,
  newPassword: string,
  options: ChangeFormatOptions,
): Promise<void> {
  validatePassword(newPassword);
  await manager.refresh(options);
  const { state, algorithms } = manager;
  if (!state.stored.format.enablePasswordChange) {
    throw new LongshoreError(
      'UNSUPPORTED',
      'the password of this repository cannot change: it was created with format version 1, where keys depend on it',
    );
  }
  const loadedAt = options.clock();
  const keys = await deriveFormatKeys(algorithms, state.blob, newPassword);
  const { blob, stored, blobConfiguration } = state;
  const sealed = await sealFormatState(algorithms, blob, keys, stored.members, blobConfiguration);
  const oldConfiguration = await readIfPresent(
    options.storage,
    BLOBCFG_BLOB_ID,
    abortOptions(options),
  );
  options.signal?.throwIfAborted();
  try {
    await putBoth(options.storage, sealed);
  } catch (error) {
    const changed = await settle(options.storage, {
      old: state,
      oldConfiguration,
      new: sealed.state,
    });
    if (!changed) throw error;
  }
  manager.adopt(sealed.state, loadedAt);
}

/**
 * After a failed put: true if the new format blob is there all the same. If the old one still is, the old
 * configuration is put back beside it. A failure in here says less than the one before and is not thrown.
 */
async function settle(
  storage: BlobStorage,
  change: {
    readonly old: FormatState;
    readonly oldConfiguration: Uint8Array | undefined;
    readonly new: FormatState;
  },
): Promise<boolean> {
  const { old, oldConfiguration } = change;
  try {
    const current = await storage.getBlob(FORMAT_BLOB_ID);
    if (equalBytes(current, change.new.blobBytes)) return true;
    if (!equalBytes(current, old.blobBytes)) return false;
    if (oldConfiguration === undefined) await storage.deleteBlob(BLOBCFG_BLOB_ID);
    else await putFormatBlob(storage, BLOBCFG_BLOB_ID, oldConfiguration, old.blobConfiguration);
    return false;
  } catch {
    return false;
  }
}

/** In Kopia's order: the configuration, then the format blob that makes it count. */
async function putBoth(storage: BlobStorage, { bytes, state }: SealedFormat): Promise<void> {
  const { blobConfiguration } = state;
  await putFormatBlob(storage, BLOBCFG_BLOB_ID, bytes.blobConfiguration, blobConfiguration);
  await putFormatBlob(storage, FORMAT_BLOB_ID, bytes.formatBlob, blobConfiguration);
}

/** Under the object lock that the repository asks for, if any. No abort: what is begun here has to be finished. */
export async function putFormatBlob(
  storage: BlobStorage,
  id: BlobID,
  data: Uint8Array,
  configuration: BlobConfiguration,
): Promise<void> {
  const retention = retentionOf(id, configuration);
  await storage.putBlob(id, data, retention === undefined ? {} : { retention });
}
