import { expect, it } from 'vitest';

import type { BlobStorage } from '../../packages/repo/src/blob/storage.ts';
import { openFilesystemStorage } from '../../packages/repo/src/node/filesystem-storage.ts';
import { goldenRepositories } from '../golden.ts';

async function lengths(storage: BlobStorage): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for await (const { id, length } of storage.listBlobs('')) {
    expect((await storage.getBlob(id)).length).toBe(length);
    expect(found).not.toHaveProperty([id]);
    found[id] = length;
  }
  return found;
}

it.each(goldenRepositories())(
  'lists and reads the blobs of $name as Kopia does',
  async ({ path, expected }) => {
    const storage = await openFilesystemStorage({ path });
    expect(await lengths(storage)).toEqual(
      Object.fromEntries(expected.blobs.map(({ id, length }) => [String(id), length])),
    );
  },
);
