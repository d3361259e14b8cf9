import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import type { BlobMetadata, OpenRepository } from '@longshore/repo';
import { nativeAlgorithms, openFilesystemStorage } from '@longshore/repo/node';
import { createContentKernel } from '../../packages/repo/src/content/create-kernel.ts';
import { recoverPackIndex } from '../../packages/repo/src/content/index/recover.ts';
import { BlobSealer } from '../../packages/repo/src/content/indexblob/blob-sealing.ts';

/** A copy that shares its files with the original: blobs are replaced, never changed. */
export function cloneRepository(from: string, to: string): void {
  execFileSync('cp', ['-al', from, to]);
}

export interface FoundFiles {
  /** What the storage lists. */
  readonly blobs: readonly BlobMetadata[];
  /** Files of writes that were cut off: no listing may show them. */
  readonly temporaryFiles: number;
}

/**
 * Proves that everything in a repository folder that can be seen as a blob is there to its last byte: packs end in a
 * recovery index that authenticates, sealed blobs authenticate whole.
 */
export async function checkWholeBlobs(
  path: string,
  repository: OpenRepository,
): Promise<FoundFiles> {
  const storage = await openFilesystemStorage({ path });
  const format = repository.formatManager.current();
  const kernel = await createContentKernel(nativeAlgorithms(), format);
  const sealer = new BlobSealer(kernel.parts);
  const blobs: BlobMetadata[] = [];
  for await (const blob of storage.listBlobs('')) {
    blobs.push(blob);
    if (/^[pq]/.test(blob.id)) {
      await recoverPackIndex(storage, blob, sealer, { v1Overhead: kernel.parts.cipher.overhead });
    } else if (/^(?:[nmls]|x[nsr])/.test(blob.id)) {
      sealer.open(blob.id, await storage.getBlob(blob.id));
    }
  }
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== '.shards',
  );
  const temporaryFiles = files.filter(({ name }) => name.includes('.tmp.')).length;
  if (files.length !== blobs.length + temporaryFiles) {
    throw new Error(`${files.length} files, ${blobs.length} blobs, ${temporaryFiles} temporary`);
  }
  return { blobs, temporaryFiles };
}
