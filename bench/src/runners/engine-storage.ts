import {
  createRetryingStorage,
  createSystemClock,
  systemSleep,
  type BlobStorage,
} from '@longshore/repo';
import { createS3Storage, openFilesystemStorage } from '@longshore/repo/node';
import type { StorageTarget } from './engine-request.ts';

/** Opens a target; a folder is made if it is missing and `create` is set. */
export async function openTarget(
  target: StorageTarget,
  { create = false }: { readonly create?: boolean } = {},
): Promise<BlobStorage> {
  if (target.kind === 'filesystem') return openFilesystemStorage({ path: target.path, create });
  const { kind: _kind, ...options } = target;
  return createRetryingStorage(createS3Storage(options), {
    clock: createSystemClock(),
    sleep: systemSleep,
    random: Math.random,
  });
}
