import { parseBlobID, type AbortOptions, type BlobStorage } from '../blob/storage.ts';
import { encodeHex } from '../bytes.ts';
import { formatGoTime, type Clock, type EpochNanoseconds, type RandomSource } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import { formatGoDuration } from '../format/go-duration.ts';

/** Nanoseconds that this client's clock may differ from the storage's. Kopia's constant. */
const MAX_CLOCK_SKEW: EpochNanoseconds = 300_000_000_000n;

/** Kopia leaves blobs with such names alone. */
const PROBE_PREFIX = 'longshore.time_';
const PROBE_ID_BYTES = 8;

/** The time by the storage's clock, of a blob that is put and deleted for that. */
export async function readStorageTime(
  storage: BlobStorage,
  random: RandomSource,
  options: AbortOptions,
): Promise<EpochNanoseconds> {
  const bytes = new Uint8Array(PROBE_ID_BYTES);
  random(bytes);
  const id = parseBlobID(PROBE_PREFIX + encodeHex(bytes));
  await storage.putBlob(id, bytes, options);
  const { timestamp } = await storage.getMetadata(id, options);
  await storage.deleteBlob(id, options);
  return timestamp;
}

/** CLOCK_SKEW unless the local clock is within five minutes of the storage's. */
export function refuseClockSkew(clock: Clock, stored: EpochNanoseconds): void {
  const local = clock();
  const skew = local > stored ? local - stored : stored - local;
  if (skew <= MAX_CLOCK_SKEW) return;
  throw new LongshoreError(
    'CLOCK_SKEW',
    `this machine's clock says ${formatGoTime(local)}, the storage's ${formatGoTime(stored)}: they differ by ` +
      `${formatGoDuration(skew)}, at most ${formatGoDuration(MAX_CLOCK_SKEW)} is safe. Set the clock and run maintenance again`,
  );
}
