import type { EpochNanoseconds } from '../clock.ts';
import type { FormatBlobBytes } from './format-state.ts';

/** Both format blobs and when they were read. */
export interface RememberedFormat extends FormatBlobBytes {
  /** From before the first of them was read. */
  readonly readAt: EpochNanoseconds;
}

/**
 * Keeps the format blobs of one repository near, so that a short run within the 15 minutes for which a client may rely
 * on them need not read them again. What it gives is opened with the password like what the storage gives. It may
 * forget at any time, and it never fails its caller.
 */
export interface FormatCache {
  load(): Promise<RememberedFormat | undefined>;
  store(format: RememberedFormat): Promise<void>;
}
