import {
  abortOptions,
  forEachLimit,
  LongshoreError,
  type ContentID,
  type ContentReader,
  type ReadContentsOptions,
} from '@longshore/repo';
import { factOf, isDamage } from './damage.ts';

/** Contents that are read one by one at once: each may be as large as contents get. */
const SINGLE_READS = 4;

export interface DamageTolerantReadOptions extends ReadContentsOptions {
  /** Called once for each content that cannot be had. What it throws ends the reading. */
  readonly onDamage: (id: ContentID, error: unknown) => Promise<void> | void;
}

/**
 * Reads many contents like {@link ContentReader.readContents}, but a damaged one costs no other: each distinct content
 * goes either to `visit` or to `onDamage`. A failing storage, an abort and what `visit` throws end the reading.
 */
export async function readDespiteDamage(
  contents: ContentReader,
  ids: Iterable<ContentID>,
  visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
  options: DamageTolerantReadOptions,
): Promise<void> {
  const { onDamage, ...readOptions } = options;
  const remaining = new Set(ids);
  for (const id of remaining) {
    if (contents.contentInfo(id) !== undefined) continue;
    remaining.delete(id);
    await onDamage(id, missingContent(id));
  }
  while (remaining.size > 0) {
    const damage = await readUntilDamage(contents, remaining, visit, readOptions);
    if (damage === undefined) return;
    const suspects = suspectsOf(contents, remaining, damage.error);
    for (const id of suspects) remaining.delete(id);
    await readSingly(contents, suspects, visit, options);
  }
}

/** Takes out of `remaining` what was visited. */
async function readUntilDamage(
  contents: ContentReader,
  remaining: Set<ContentID>,
  visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
  options: ReadContentsOptions,
): Promise<{ readonly error: unknown } | undefined> {
  let visitFailed = false;
  const failVisit = (error: unknown): never => {
    visitFailed = true;
    throw error;
  };
  // Most visits are done at once: a promise for each of many small contents would be most of what is left of them.
  const calling = <T>(call: () => Promise<T> | T): Promise<T> | T => {
    try {
      const result = call();
      return result instanceof Promise ? result.catch(failVisit) : result;
    } catch (error) {
      return failVisit(error);
    }
  };
  const { destinations } = options;
  try {
    await contents.readContents(
      [...remaining],
      (id, data) => {
        remaining.delete(id);
        return calling(() => visit(id, data));
      },
      {
        ...options,
        ...(destinations === undefined
          ? {}
          : {
              destinations: {
                placesOf: (id) => calling(() => destinations.placesOf(id)),
                written: (id, content) => {
                  remaining.delete(id);
                  return calling(() => destinations.written(id, content));
                },
              },
            }),
      },
    );
    return undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (visitFailed || !isDamage(error)) throw error;
    return { error };
  }
}

/** Everything in the pack that failed; everything there is if the error does not say which. */
function suspectsOf(
  contents: ContentReader,
  remaining: ReadonlySet<ContentID>,
  error: unknown,
): readonly ContentID[] {
  const contentID = factOf(error, 'contentID') as ContentID | undefined;
  const pack =
    (contentID === undefined ? undefined : contents.contentInfo(contentID)?.packBlobID) ??
    factOf(error, 'blobID');
  const suspects = [...remaining].filter((id) => contents.contentInfo(id)?.packBlobID === pack);
  return suspects.length > 0 ? suspects : [...remaining];
}

async function readSingly(
  contents: ContentReader,
  ids: readonly ContentID[],
  visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
  { onDamage, signal, parallelism = SINGLE_READS }: DamageTolerantReadOptions,
): Promise<void> {
  const limit = {
    parallelism: Math.min(parallelism, SINGLE_READS),
    ...abortOptions({ signal }),
  };
  await forEachLimit(ids, limit, async (id, readSignal) => {
    let data: Uint8Array;
    try {
      data = await contents.getContent(id, { signal: readSignal });
    } catch (error) {
      readSignal.throwIfAborted();
      if (!isDamage(error)) throw error;
      await onDamage(id, error);
      return;
    }
    await visit(id, data);
  });
}

function missingContent(id: ContentID): LongshoreError {
  return new LongshoreError('CONTENT_NOT_FOUND', `content ${id} is in no index of the repository`, {
    contentID: id,
  });
}
