import {
  errorCode,
  LongshoreError,
  type ErrorCode,
  type ErrorFacts,
  type ObjectID,
} from '@longshore/repo';

/** What stored data, and not the way to it, is to blame for. */
const DAMAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BLOB_NOT_FOUND',
  'CONTENT_NOT_FOUND',
  'CORRUPT_DATA',
  'OBJECT_NOT_FOUND',
  'UNSUPPORTED',
]);

/**
 * True if some stored data is missing, damaged or unreadable, so that everything else may still be had. A storage that
 * does not answer is no damage: going on would report all that follows as lost.
 */
export function isDamage(error: unknown): boolean {
  const code = errorCode(error);
  return code !== undefined && DAMAGE.has(code);
}

/** One fact of a longshore error, wherever it was made. */
export function factOf(error: unknown, name: 'blobID' | 'contentID' | 'path'): string | undefined {
  if (errorCode(error) === undefined) return undefined;
  const fact: unknown = Reflect.get(Reflect.get(error as object, 'facts') ?? {}, name);
  return typeof fact === 'string' ? fact : undefined;
}

/**
 * The same failure, saying which entry and object it struck. What names a path already, or is not longshore's, stays
 * as it is.
 */
export function atPath(path: string, objectID: ObjectID | undefined, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || !(error instanceof Error) || factOf(error, 'path') !== undefined) {
    return error;
  }
  const isNamed = objectID === undefined || error.message.includes(objectID);
  const object = isNamed ? '' : ` (object ${objectID})`;
  return new LongshoreError(code, `${path || '/'}${object}: ${error.message}`, {
    ...withoutUndefined({
      blobID: factOf(error, 'blobID'),
      contentID: factOf(error, 'contentID'),
      objectID,
    }),
    path,
    cause: error,
  });
}

function withoutUndefined(facts: Readonly<Record<string, string | undefined>>): ErrorFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
