import type { BlobRetention } from '../blob/storage.ts';
import type { EncryptionName } from '../encryption/content-cipher.ts';
import type { HashName } from '../hashing/content-hash.ts';

export type FormatVersion = 1 | 2 | 3;
export type IndexVersion = 1 | 2;

/** Source: docs/format/format-blob.md. Durations in nanoseconds, sizes in bytes. */
export interface EpochParameters {
  readonly enabled: boolean;
  readonly epochRefreshFrequency: bigint;
  readonly fullCheckpointFrequency: number;
  readonly cleanupSafetyMargin: bigint;
  readonly minEpochDuration: bigint;
  readonly epochAdvanceOnCountThreshold: number;
  readonly epochAdvanceOnTotalSizeBytesThreshold: number;
  readonly deleteParallelism: number;
}

export interface RequiredFeature {
  readonly feature: string;
  readonly ifNotUnderstood: {
    readonly warn: boolean;
    readonly message?: string;
    readonly url?: string;
    readonly upgradeToVersion?: string;
  };
}

/** What may change during a repository's life. */
export interface MutableParameters {
  readonly version: FormatVersion;
  /** Bytes; a pack is closed by the append that reaches it. */
  readonly maxPackSize: number;
  readonly indexVersion: IndexVersion;
  readonly epochParameters: EpochParameters;
  readonly requiredFeatures: readonly RequiredFeature[];
}

/** The decrypted inner part of `kopia.repository`, with the defaults for absent fields applied. */
export interface RepositoryFormat extends MutableParameters {
  readonly hash: HashName;
  readonly encryption: EncryptionName;
  /** Undefined when error correction is off. */
  readonly ecc:
    | { readonly algorithm: 'REED-SOLOMON-CRC32'; readonly overheadPercent: number }
    | undefined;
  readonly secret: Uint8Array;
  readonly masterKey: Uint8Array;
  readonly enablePasswordChange: boolean;
  /** Name of the object splitter; an empty string behaves as `FIXED`. */
  readonly splitter: string;
}

/** `kopia.blobcfg`: undefined when no retention is configured. */
export type BlobConfiguration = BlobRetention | undefined;
