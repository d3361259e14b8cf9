import { encodeUtf8 } from '../bytes.ts';
import { CorruptDataError } from '../errors.ts';
import { field, parseGoJSON } from '../format/go-json.ts';
import type { ObjectChunk } from '../repository-contract.ts';
import { parseObjectID } from './object-id.ts';

const STREAM = 'kopia:indirect';

/** The exact stream that Kopia writes for these chunks. Source: docs/format/object.md. */
export function encodeIndexObject(chunks: readonly ObjectChunk[]): Uint8Array {
  const entries = chunks.map(({ start, length, objectID }) => {
    const startField = start === 0 ? '' : `"s":${start},`;
    const lengthField = length === 0 ? '' : `"l":${length},`;
    return `{${startField}${lengthField}"o":"${objectID}"}`;
  });
  return encodeUtf8(`{"stream":"${STREAM}","entries":[${entries.join(',')}]}\n`);
}

/**
 * The chunks that an index object lists: contiguous from 0, at least one. Anything else is CORRUPT_DATA
 * naming `what`.
 */
export function parseIndexObject(bytes: Uint8Array, what: string): readonly ObjectChunk[] {
  const entries = field(parseGoJSON(bytes, what, { firstValueOnly: true }), 'entries');
  if (!Array.isArray(entries) || entries.length === 0) {
    throw new CorruptDataError(`${what}: an index object without entries`);
  }
  let expectedStart = 0;
  return entries.map((entry: unknown, index) => {
    const start = count(field(entry, 's'), `${what}: entry ${index}: start`);
    const length = count(field(entry, 'l'), `${what}: entry ${index}: length`);
    const text = field(entry, 'o');
    if (start !== expectedStart) {
      throw new CorruptDataError(
        `${what}: entry ${index} starts at ${start}, the one before it ends at ${expectedStart}`,
      );
    }
    expectedStart = start + length;
    if (!Number.isSafeInteger(expectedStart)) {
      throw new CorruptDataError(`${what}: entry ${index} ends beyond 2^53`);
    }
    try {
      return { start, length, objectID: parseObjectID(typeof text === 'string' ? text : '') };
    } catch (cause) {
      throw new CorruptDataError(`${what}: entry ${index}: ${JSON.stringify(text)}`, { cause });
    }
  });
}

function count(value: unknown, what: string): number {
  if (value === undefined) return 0;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new CorruptDataError(`${what} is not a count`);
  }
  return value;
}
