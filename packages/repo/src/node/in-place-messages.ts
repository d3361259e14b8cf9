import type {
  DestinedContent,
  FilePlace,
  OpenOutcome,
  Slot,
  WrittenContent,
} from '../content/content-preparer.ts';
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
import { packInfos } from './packed-infos.ts';
import { unpackError } from './worker-error.ts';

/** What a worker is told of contents whose stored bytes lie in a buffer of the memory that it shares. */
export function inPlaceTask(
  { bytes }: Slot,
  batch: readonly DestinedContent[],
  heap: ArrayBufferLike,
): ContentWorkerTask {
  invariant(bytes.buffer === heap, 'what is opened in place lies in the shared memory');
  const spans = new Float64Array(2 * batch.length);
  for (const [index, { info, start }] of batch.entries()) {
    invariant(start + info.packedLength <= bytes.length, 'a content lies within its buffer');
    spans[2 * index] = bytes.byteOffset + start;
    spans[2 * index + 1] = info.packedLength;
  }
  return {
    kind: 'open-in-place',
    spans,
    infos: packInfos(batch.map(({ info }) => info)),
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
  return batch.map(({ places = NOWHERE }, index) => {
    const first = place;
    place += places.length;
    const at = OUTCOME_LENGTH * index;
    const state = outcomes[at] ?? OPEN_FAILED;
    const offset = outcomes[at + 1];
    const length = outcomes[at + 2] ?? 0;
    const repaired = outcomes[at + 3] === 1;
    switch (state) {
      case OPEN_FAILED:
        return { error: unpackError(errors.next().value!) };
      case OPENED_AND_WRITTEN:
        return {
          length,
          failures:
            places.length === 0
              ? NO_FAILURES
              : places.map((_, nth) => causeOf(failures.get(first + nth))),
          repaired,
        };
      case OPENED_IN_PLACE:
        return { data: new Uint8Array(heap, offset, length), repaired };
      default:
        return { data: loose.next().value!, repaired };
    }
  });
}

const NOWHERE: readonly FilePlace[] = [];
const NO_FAILURES: readonly unknown[] = [];

/** In the shape of what `node:fs` throws. */
function causeOf(failure: WriteFailure | undefined): unknown {
  if (failure === undefined) return undefined;
  const error = unpackError(failure.error);
  return failure.code === undefined || 'code' in error
    ? error
    : Object.assign(error, { code: failure.code });
}
