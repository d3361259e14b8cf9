import {
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobReader,
  type BlobStorage,
} from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
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

/** Adds a run to the schedule as it is stored now: runs that another client recorded meanwhile are kept. */
export async function recordRun(
  storage: BlobStorage,
  format: FormatManager,
  task: MaintenanceTask,
  run: MaintenanceRun,
  options: AbortOptions = {},
): Promise<void> {
  const schedule = await loadSchedule(storage, format, options);
  await storeSchedule(storage, format, reportRun(schedule, task, run), options);
}
