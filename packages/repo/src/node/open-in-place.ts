import { freeMemory, ownBytes } from '../bytes.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import type { OpenedContent } from '../content/content-preparer.ts';
import { CorruptDataError } from '../errors.ts';
import {
  HANDED_OVER,
  OPEN_FAILED,
  OPENED_AND_WRITTEN,
  OPENED_IN_PLACE,
  OPENED_LOOSE,
  OUTCOME_LENGTH,
  type ContentWorkerResult,
  type ContentWorkerTask,
  type WorkerError,
  type WriteFailure,
} from './content-worker-protocol.ts';
import { unpackInfo } from './packed-infos.ts';
import { writeFullyAt, writeSparselyAt } from './positional-write.ts';
import { packError } from './worker-error.ts';

type OpenTask = ContentWorkerTask & { readonly kind: 'open-in-place' };

/** Numbers of one place in a task. */
const PLACE_LENGTH = 4;

/** Contents opened together: ample for hashing several at a time, and few enough that what is left of them dies young. */
const GROUP_LENGTH = 128;

/** Opens contents where they lie in the shared memory, and writes to files from there. */
export function openInPlace(
  kernel: ContentKernel,
  heap: ArrayBufferLike,
  { spans, infos, placeCounts, places }: OpenTask,
): ContentWorkerResult {
  const count = infos.contentIDs.length;
  const outcomes = new Float64Array(OUTCOME_LENGTH * count);
  const loose: Uint8Array<ArrayBuffer>[] = [];
  const errors: WorkerError[] = [];
  const failures: WriteFailure[] = [];
  let place = 0;
  for (let start = 0; start < count; start += GROUP_LENGTH) {
    const opened = kernel.openInPlace(
      Array.from({ length: Math.min(GROUP_LENGTH, count - start) }, (_, nth) => ({
        info: unpackInfo(infos, start + nth),
        bytes: new Uint8Array(heap, spans[2 * (start + nth)], spans[2 * (start + nth) + 1]),
      })),
    );
    for (const [nth, outcome] of opened.entries()) {
      const index = start + nth;
      const placeCount = placeCounts[index]!;
      const end = place + Math.max(0, placeCount);
      if ('error' in outcome) {
        outcomes[OUTCOME_LENGTH * index] = OPEN_FAILED;
        errors.push(packError(outcome.error));
      } else if (placeCount === HANDED_OVER) {
        outcomes.set(handedOver(outcome, heap, loose), OUTCOME_LENGTH * index);
      } else {
        for (let at = place; at < end; at++) {
          const error = writeTo(places, at, outcome.data);
          if (error !== undefined) {
            failures.push({ place: at, code: systemCode(error), error: packError(error) });
          }
        }
        const { length } = outcome.data;
        freeMemory(outcome.data);
        outcomes[OUTCOME_LENGTH * index] = OPENED_AND_WRITTEN;
        outcomes[OUTCOME_LENGTH * index + 2] = length;
        outcomes[OUTCOME_LENGTH * index + 3] = Number(outcome.repaired);
      }
      place = end;
    }
  }
  return { kind: 'open-in-place', outcomes, loose, errors, failures };
}

function handedOver(
  { data, repaired }: OpenedContent,
  heap: ArrayBufferLike,
  loose: Uint8Array<ArrayBuffer>[],
): readonly number[] {
  if (data.buffer === heap) {
    return [OPENED_IN_PLACE, data.byteOffset, data.length, Number(repaired)];
  }
  loose.push(ownBytes(data));
  return [OPENED_LOOSE, 0, data.length, Number(repaired)];
}

/** What went wrong, if anything did. */
function writeTo(places: Float64Array, index: number, data: Uint8Array): unknown {
  const [fd, position, length, holeSize] = places.subarray(PLACE_LENGTH * index);
  try {
    if (data.length !== length) {
      throw new CorruptDataError(`${data.length} bytes where ${length} belong`);
    }
    if (holeSize === 0) writeFullyAt(fd!, position!, data);
    else writeSparselyAt(fd!, position!, data, holeSize!);
    return undefined;
  } catch (error) {
    return error;
  }
}

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
