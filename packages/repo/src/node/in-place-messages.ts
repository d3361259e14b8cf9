import type { DestinedContent, OpenOutcome, WrittenContent } from '../content/content-preparer.ts';
import { invariant } from '../errors.ts';
import {
  HANDED_OVER,
  OPEN_FAILED,
  OPENED_AND_WRITTEN,
  OPENED_IN_PLACE,
  OUTCOME_LENGTH,
  type ContentWorkerResult,
  type ContentWorkerTask,
  type WriteFailure,
} from './content-worker-protocol.ts';
import { unpackError } from './worker-error.ts';

/** What a worker is told of contents whose stored bytes lie in `heap`. */
export function inPlaceTask(
  batch: readonly DestinedContent[],
  heap: ArrayBufferLike,
): ContentWorkerTask {
  const spans = new Float64Array(2 * batch.length);
  for (const [index, { bytes }] of batch.entries()) {
    invariant(bytes.buffer === heap, 'what is opened in place lies in the shared memory');
    spans[2 * index] = bytes.byteOffset;
    spans[2 * index + 1] = bytes.length;
  }
  return {
    kind: 'open-in-place',
    spans,
    infos: batch.map(({ info }) => info),
    placeCounts: Int32Array.from(batch, ({ places }) => places?.length ?? HANDED_OVER),
    places: Float64Array.from(
      batch.flatMap(({ places = [] }) =>
        places.flatMap(({ fd, position, length, holeSize }) => [fd, position, length, holeSize]),
      ),
    ),
  };
}

/** What became of each, in order. */
export function inPlaceOutcomes(
  result: ContentWorkerResult & { readonly kind: 'open-in-place' },
  batch: readonly DestinedContent[],
  heap: ArrayBufferLike,
): readonly (OpenOutcome | WrittenContent)[] {
  const { outcomes } = result;
  const loose = result.loose.values();
  const errors = result.errors.values();
  const failures = new Map(result.failures.map((failure) => [failure.place, failure]));
  let place = 0;
  return batch.map(({ places = [] }, index) => {
    const first = place;
    place += places.length;
    const [state = OPEN_FAILED, offset, length = 0, mended] = outcomes.subarray(
      OUTCOME_LENGTH * index,
    );
    const repaired = mended === 1;
    switch (state) {
      case OPEN_FAILED:
        return { error: unpackError(errors.next().value!) };
      case OPENED_AND_WRITTEN:
        return {
          length,
          failures: places.map((_, at) => causeOf(failures.get(first + at))),
          repaired,
        };
      case OPENED_IN_PLACE:
        return { data: new Uint8Array(heap, offset, length), repaired };
      default:
        return { data: loose.next().value!, repaired };
    }
  });
}

/** In the shape of what `node:fs` throws. */
function causeOf(failure: WriteFailure | undefined): unknown {
  if (failure === undefined) return undefined;
  const error = unpackError(failure.error);
  return failure.code === undefined || 'code' in error
    ? error
    : Object.assign(error, { code: failure.code });
}
