import { abortOptions } from '../blob/storage.ts';
import { formatGoTime, GO_ZERO_TIME, type EpochNanoseconds } from '../clock.ts';
import type { EpochIndexBlobs } from '../content/indexblob/epoch-index-blobs.ts';
import type { LegacyIndexBlobs } from '../content/indexblob/legacy-index-blobs.ts';
import type { EpochCompaction } from '../epoch/epoch-manager.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import type { TaskContext } from './tasks.ts';
import { totalLength } from './task-storage.ts';

type Step = Pick<TaskContext, 'dryRun' | 'signal' | 'onChange'>;

function stepOptions(context: Step): { readonly dryRun: boolean; readonly signal?: AbortSignal } {
  return { dryRun: context.dryRun, ...abortOptions(context) };
}

function reportMerge({ onChange }: Step, { first, last, inputs }: EpochCompaction): void {
  const id = first === last ? `xs${first}` : `xr${first}_${last}`;
  const reason = `${inputs.length} index blobs become one set`;
  onChange({ action: 'write-index', id, bytes: totalLength(inputs), reason });
}

/** `compact-single-epoch`: no data if no epoch was ready. */
export async function compactSingleEpoch(
  indexBlobs: EpochIndexBlobs,
  context: Step,
): Promise<MaintenanceStatistics> {
  const kind = 'compactSingleEpochStats';
  const compaction = await indexBlobs.compactSingleEpoch(stepOptions(context));
  if (compaction === undefined) return { kind, data: null };
  reportMerge(context, compaction);
  const { inputs, first } = compaction;
  return {
    kind,
    data: {
      supersededIndexBlobCount: inputs.length,
      supersededIndexTotalSize: totalLength(inputs),
      epoch: first,
    },
  };
}

/** `advance-epoch` */
export async function advanceEpoch(
  indexBlobs: EpochIndexBlobs,
  context: Step,
): Promise<MaintenanceStatistics> {
  const { writeEpoch, advanced } = await indexBlobs.advanceEpoch(stepOptions(context));
  if (advanced) {
    const reason = 'the epoch before it is old and full enough';
    context.onChange({ action: 'advance-epoch', id: `xe${writeEpoch}`, bytes: 0, reason });
  }
  return {
    kind: 'advanceEpochStats',
    data: { currentEpoch: writeEpoch, wasAdvanced: advanced },
  };
}

/** `generate-epoch-range-index`: no data if there were too few epochs. */
export async function compactEpochRange(
  indexBlobs: EpochIndexBlobs,
  context: Step,
): Promise<MaintenanceStatistics> {
  const kind = 'generateRangeCheckpointStats';
  const compaction = await indexBlobs.compactRange(stepOptions(context));
  if (compaction === undefined) return { kind, data: null };
  reportMerge(context, compaction);
  return { kind, data: { rangeMinEpoch: compaction.first, rangeMaxEpoch: compaction.last } };
}

/** `cleanup-epoch-markers`: no data while the storage's time is unknown. */
export async function cleanUpMarkers(
  indexBlobs: EpochIndexBlobs,
  context: Step,
): Promise<MaintenanceStatistics> {
  const cleanup = await indexBlobs.cleanupMarkers(stepOptions(context));
  for (const { id, length } of cleanup.blobs) {
    const reason = id.startsWith('xw')
      ? 'a later deletion watermark replaced it'
      : 'its epoch and the next are over';
    context.onChange({ action: 'delete-blob', id, bytes: length, reason });
  }
  const watermarks = cleanup.blobs.filter(({ id }) => id.startsWith('xw')).length;
  return {
    kind: 'cleanupMarkersStats',
    data:
      cleanup.cutoff === undefined
        ? null
        : {
            deletedEpochMarkerBlobCount: cleanup.blobs.length - watermarks,
            deletedWatermarkBlobCount: watermarks,
          },
  };
}

/** `delete-superseded-epoch-indexes`: no data while the storage's time is unknown. */
export async function deleteSupersededIndexes(
  indexBlobs: EpochIndexBlobs,
  context: Step,
): Promise<MaintenanceStatistics> {
  const { blobs, cutoff } = await indexBlobs.cleanupSuperseded(stepOptions(context));
  for (const { id, length } of blobs) {
    const reason = 'the merged set that replaced it has been there for the safety margin';
    context.onChange({ action: 'delete-blob', id, bytes: length, reason });
  }
  return {
    kind: 'cleanupSupersededIndexesStats',
    data:
      cutoff === undefined
        ? null
        : {
            maxReplacementTime: formatGoTime(cutoff),
            deletedBlobCount: blobs.length,
            deletedTotalSize: totalLength(blobs),
          },
  };
}

/** `index-compaction` of legacy index blobs: no data if there were too few small ones. */
export async function compactLegacyIndexes(
  indexBlobs: LegacyIndexBlobs,
  context: Step,
  settleTime: EpochNanoseconds,
): Promise<MaintenanceStatistics> {
  const compaction = await indexBlobs.compact({ settleTime, ...stepOptions(context) });
  for (const { id, length } of compaction?.inputs ?? []) {
    const reason = 'there are many small index blobs';
    context.onChange({ action: 'write-index', id, bytes: length, reason });
  }
  return {
    kind: 'compactIndexesStats',
    data: compaction === undefined ? null : { droppedContentsDeletedBefore: GO_ZERO_TIME },
  };
}
