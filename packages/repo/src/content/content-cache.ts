/**
 * Keeps what was fetched from storage and never changes there: index blobs, metadata contents. A cache is
 * an optimisation: it may forget anything at any time, and it never fails its caller.
 */
export interface ContentCache {
  /** The bytes that were put under `key`, owned by the caller; undefined if they are not there or not intact. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Whether `get` would likely find something; nothing is read for it. */
  has(key: string): Promise<boolean>;
  /** `data` is borrowed until the promise resolves. The same key always stands for the same bytes. */
  put(key: string, data: Uint8Array): Promise<void>;
}

/** At most `maxBytes` of data in memory; what was not used for longest goes first. */
export function createMemoryCache(maxBytes: number): ContentCache {
  const entries = new Map<string, Uint8Array>();
  let bytes = 0;

  const remove = (key: string): Uint8Array | undefined => {
    const data = entries.get(key);
    if (data === undefined) return undefined;
    entries.delete(key);
    bytes -= data.length;
    return data;
  };
  const append = (key: string, data: Uint8Array): void => {
    entries.set(key, data);
    bytes += data.length;
  };

  return {
    async get(key) {
      const data = remove(key);
      if (data === undefined) return undefined;
      append(key, data);
      return data.slice();
    },
    async has(key) {
      return entries.has(key);
    },
    async put(key, data) {
      remove(key);
      if (data.length > maxBytes) return;
      append(key, data.slice());
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) break;
        remove(oldest);
      }
    },
  };
}
