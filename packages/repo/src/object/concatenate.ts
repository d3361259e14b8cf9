import { LongshoreError } from '../errors.ts';
import type { ObjectChunk, ObjectWriterOptions } from '../repository-contract.ts';
import type { ObjectID } from './object-id.ts';
import { writeIndexObject, type ObjectWriterEnvironment } from './object-writer.ts';

/**
 * One object out of several in order, by merging their chunk lists, flat. One ID comes back unchanged.
 * Source: docs/format/object.md, "concatenation".
 */
export async function concatenateObjects(
  environment: ObjectWriterEnvironment,
  ids: readonly ObjectID[],
  chunksOf: (id: ObjectID) => Promise<readonly ObjectChunk[]>,
  options: ObjectWriterOptions,
): Promise<ObjectID> {
  const [only, ...others] = ids;
  if (only === undefined) throw new LongshoreError('INVALID_ARGUMENT', 'nothing to concatenate');
  if (others.length === 0) return only;
  const merged: ObjectChunk[] = [];
  let total = 0;
  for (const id of ids) {
    const chunks = await chunksOf(id);
    for (const chunk of chunks) merged.push({ ...chunk, start: total + chunk.start });
    const last = chunks.at(-1);
    if (last !== undefined) total += last.start + last.length;
  }
  return writeIndexObject(environment, merged, { ...options, prefix: 'x' });
}
