import type { BlobStorage } from './storage.ts';

/** The operations of a storage, as faults, counters and limits name them. */
export const STORAGE_OPERATIONS = [
  'get',
  'metadata',
  'list',
  'put',
  'delete',
  'extendRetention',
] as const;
export type StorageOperation = (typeof STORAGE_OPERATIONS)[number];

type ExtendRetention = NonNullable<BlobStorage['extendRetention']>;

/** What a decorator replaces. `extendRetention` is used only if the inner storage has it. */
export interface StorageOverrides extends Partial<Omit<BlobStorage, 'extendRetention'>> {
  readonly extendRetention?: (
    inner: ExtendRetention,
    ...parameters: Parameters<ExtendRetention>
  ) => Promise<void>;
}

/** A storage that forwards to `inner` whatever `overrides` leaves out. Disposing it disposes `inner`. */
export function decorateStorage(inner: BlobStorage, overrides: StorageOverrides): BlobStorage {
  const { extendRetention: around, ...methods } = overrides;
  const extendRetention: ExtendRetention | undefined = inner.extendRetention?.bind(inner);
  return {
    displayName: inner.displayName,
    capabilities: inner.capabilities,
    getBlob: (id, options) => inner.getBlob(id, options),
    getMetadata: (id, options) => inner.getMetadata(id, options),
    listBlobs: (prefix, options) => inner.listBlobs(prefix, options),
    putBlob: (id, data, options) => inner.putBlob(id, data, options),
    deleteBlob: (id, options) => inner.deleteBlob(id, options),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    ...methods,
    ...(extendRetention && {
      extendRetention: (...parameters: Parameters<ExtendRetention>) =>
        around ? around(extendRetention, ...parameters) : extendRetention(...parameters),
    }),
  };
}
