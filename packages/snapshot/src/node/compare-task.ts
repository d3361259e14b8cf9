import { ownBytes, type AbortOptions, type ThreadCall } from '@longshore/repo';
import {
  compareDirectory,
  type ComparisonInput,
  type DirectoryComparison,
} from './compare-directory.ts';

/** This module for a thread to import. Named and not `import.meta.url`: in a bundle that is a file with other exports. */
const MODULE: string = new URL(
  `./compare-task.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
).href;

/** {@link compareDirectory} on a thread of the engine: the stored bytes move there and back. */
export async function compareElsewhere(
  input: ComparisonInput,
  call: ThreadCall,
  options: AbortOptions,
): Promise<DirectoryComparison> {
  const stored = ownBytes(input.stored);
  const output = await call(
    { module: MODULE, input: { ...input, stored }, moved: [stored.buffer] },
    options,
  );
  return output as DirectoryComparison;
}

/** What the thread does. */
export function run(input: ComparisonInput): {
  readonly output: DirectoryComparison;
  readonly moved: readonly ArrayBuffer[];
} {
  const output = compareDirectory(input);
  const { local, stored, same } = output;
  const moved = [
    stored.buffer,
    ...(local === undefined
      ? []
      : [local.names.buffer, local.nameEnds.buffer, local.records.buffer]),
    ...(same === undefined ? [] : [same.contentKeys.buffer, same.listing.rows.buffer]),
  ];
  return { output, moved: moved.filter((buffer) => buffer instanceof ArrayBuffer) };
}
