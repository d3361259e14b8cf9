import { abortOptions, type BlobMetadata } from '../blob/storage.ts';
import type { TaskContext } from './tasks.ts';

/** Kopia's number of deletions at once, unless the maintenance parameters have another. */
const DEFAULT_DELETION_PARALLELISM = 16;

export function deletionParallelism({ parameters }: Pick<TaskContext, 'parameters'>): number {
  return parameters.listParallelism > 0 ? parameters.listParallelism : DEFAULT_DELETION_PARALLELISM;
}

/** Every blob with a prefix. A listing that fails is no answer: the error is thrown. */
export async function listBlobs(context: TaskContext, prefix: string): Promise<BlobMetadata[]> {
  const blobs: BlobMetadata[] = [];
  const { storage } = context.repository;
  for await (const blob of storage.listBlobs(prefix, abortOptions(context))) blobs.push(blob);
  return blobs;
}

/** Bytes of several blobs. */
export function totalLength(blobs: readonly Pick<BlobMetadata, 'length'>[]): number {
  return blobs.reduce((sum, { length }) => sum + length, 0);
}
