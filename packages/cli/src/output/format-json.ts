import type { RepositoryFormat } from '@longshore/repo';

type BlobRetention = { readonly mode: string; readonly periodNanoseconds: bigint } | undefined;

/** The content format without its keys, as Kopia shows it. */
export function contentFormatJSON(format: RepositoryFormat): object {
  const { epochParameters, ecc } = format;
  return {
    hash: format.hash,
    encryption: format.encryption,
    ecc: ecc?.algorithm,
    eccOverheadPercent: ecc?.overheadPercent,
    version: format.version,
    maxPackSize: format.maxPackSize,
    indexVersion: format.indexVersion,
    epochParameters: {
      Enabled: epochParameters.enabled,
      EpochRefreshFrequency: epochParameters.epochRefreshFrequency,
      FullCheckpointFrequency: epochParameters.fullCheckpointFrequency,
      CleanupSafetyMargin: epochParameters.cleanupSafetyMargin,
      MinEpochDuration: epochParameters.minEpochDuration,
      EpochAdvanceOnCountThreshold: epochParameters.epochAdvanceOnCountThreshold,
      EpochAdvanceOnTotalSizeBytesThreshold: epochParameters.epochAdvanceOnTotalSizeBytesThreshold,
      DeleteParallelism: epochParameters.deleteParallelism,
    },
    enablePasswordChange: format.enablePasswordChange,
  };
}

/** Empty where blobs are not locked. */
export function blobRetentionJSON(retention: BlobRetention): object {
  return retention === undefined
    ? {}
    : { retentionMode: retention.mode, retentionPeriod: retention.periodNanoseconds };
}
