import type { BlobID } from '../blob/storage.ts';
import { packExtents } from '../content/contents-by-pack.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import { BlobSealer } from '../content/indexblob/blob-sealing.ts';
import type { OpenRepository } from '../repository.ts';
import { verifyBlob } from '../verification/verify-blob.ts';

/** What an open repository knows of its own blobs. */
export interface SyncJudge {
  /** Every byte authenticates that can: of a pack all that its recovery index names. A pack without one is not sound. */
  isSound(id: BlobID, bytes: Uint8Array): boolean;
  /** Packs that the current index names, for deleted contents too. */
  namedPacks(): ReadonlySet<BlobID>;
}

export async function createSyncJudge(repository: OpenRepository): Promise<SyncJudge> {
  const { formatManager, contents } = repository;
  const kernel = await createContentKernel(formatManager.algorithms, formatManager.current());
  const parts = { kernel, sealer: new BlobSealer(kernel.parts) };
  return {
    isSound(id, bytes) {
      const { damage, mended } = verifyBlob(id, bytes, [], parts);
      return damage === undefined && !mended;
    },
    namedPacks: () => new Set(packExtents(contents).keys()),
  };
}
