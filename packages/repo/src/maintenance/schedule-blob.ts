import {
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobReader,
  type BlobStorage,
} from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import { NANOSECONDS_PER_SECOND, type Clock, type EpochNanoseconds } from '../clock.ts';
import { CorruptDataError } from '../errors.ts';
import type { AesGcm } from '../algorithms.ts';
import type { FormatManager } from '../format/format-manager.ts';
import { readIfPresent } from '../format/format-state.ts';
import { MAINTENANCE_SCHEDULE_PURPOSE } from '../format/purpose-keys.ts';
import {
  EMPTY_SCHEDULE,
  encodeSchedule,
  parseSchedule,
  reportRun,
  type MaintenanceRun,
  type MaintenanceSchedule,
} from './schedule.ts';
import type { MaintenanceTask } from './tasks.ts';

export const MAINTENANCE_BLOB_ID: BlobID = parseBlobID('kopia.maintenance');

const KEY_BYTES = 32;
const NONCE_AND_TAG_BYTES = 28;
const ADDITIONAL_DATA = encodeUtf8('maintenance');

async function scheduleCipher(format: FormatManager): Promise<AesGcm> {
  const key = await format.purposeKey(MAINTENANCE_SCHEDULE_PURPOSE, KEY_BYTES);
  return format.algorithms.createAesGcm(key);
}

/** The schedule as stored; empty if there is none. CORRUPT_DATA if it does not open. */
export async function loadSchedule(
  storage: BlobReader,
  format: FormatManager,
  options: AbortOptions = {},
): Promise<MaintenanceSchedule> {
  const sealed = await readIfPresent(storage, MAINTENANCE_BLOB_ID, options);
  if (sealed === undefined) return EMPTY_SCHEDULE;
  const cipher = await scheduleCipher(format);
  const plaintext =
    sealed.length < NONCE_AND_TAG_BYTES ? undefined : cipher.open(sealed, ADDITIONAL_DATA);
  if (plaintext === undefined) {
    throw new CorruptDataError(`${MAINTENANCE_BLOB_ID}: authentication failed`, {
      blobID: MAINTENANCE_BLOB_ID,
    });
  }
  return parseSchedule(plaintext);
}

/** Replaces the schedule. There is no lock: what another client stores at the same moment is lost. */
export async function storeSchedule(
  storage: BlobStorage,
  format: FormatManager,
  schedule: MaintenanceSchedule,
  options: AbortOptions = {},
): Promise<void> {
  const cipher = await scheduleCipher(format);
  const sealed = cipher.seal(encodeSchedule(schedule), ADDITIONAL_DATA);
  await storage.putBlob(MAINTENANCE_BLOB_ID, sealed, options);
}

/** A schedule that this client has just read or stored. */
export interface KnownSchedule {
  readonly schedule: MaintenanceSchedule;
  /** When it was read. */
  readonly readAt: EpochNanoseconds;
}

/** After so long another client may have stored something. */
const MAX_AGE: EpochNanoseconds = 3n * NANOSECONDS_PER_SECOND;

/**
 * Adds a run to the schedule, and returns it. That is read anew unless it was some seconds ago: runs that another client
 * recorded meanwhile are kept, and a run of many short tasks does not read before each what it has written itself.
 */
export async function recordRun(
  { storage, formatManager: format, clock }: RecordingRepository,
  { task, run }: { readonly task: MaintenanceTask; readonly run: MaintenanceRun },
  { known, ...options }: AbortOptions & { readonly known?: KnownSchedule | undefined } = {},
): Promise<KnownSchedule> {
  const now = clock();
  const isRecent = known !== undefined && now >= known.readAt && now - known.readAt < MAX_AGE;
  const { schedule, readAt } = isRecent
    ? known
    : { schedule: await loadSchedule(storage, format, options), readAt: now };
  const next = reportRun(schedule, task, run);
  await storeSchedule(storage, format, next, options);
  return { schedule: next, readAt };
}

interface RecordingRepository {
  readonly storage: BlobStorage;
  readonly formatManager: FormatManager;
  readonly clock: Clock;
}
