import type {
  AbortOptions,
  BlobID,
  BlobMetadata,
  BlobReader,
  BlobStorage,
} from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import { formatGoTime, type EpochNanoseconds } from '../clock.ts';
import { CorruptDataError, hasCode } from '../errors.ts';
import { FieldReader } from '../format/field-reader.ts';
import { encodeGoJSON, parseGoJSON } from '../format/go-json.ts';
import type { BlobSealer } from './indexblob/blob-sealing.ts';
import { sessionIDOf } from './session-id.ts';

/** Marker blobs of live write sessions begin with it. */
export const SESSION_MARKER_PREFIX = 's';

/** Who writes since when. Times in nanoseconds. Stored as `s<hash>-<session ID>`; docs/format/write-session.md. */
export interface SessionMarker {
  readonly id: string;
  readonly startTime: EpochNanoseconds;
  readonly checkpointTime: EpochNanoseconds;
  readonly username: string;
  readonly hostname: string;
}

export function encodeSessionMarker(marker: SessionMarker): Uint8Array {
  return encodeUtf8(
    encodeGoJSON({
      id: marker.id,
      startTime: formatGoTime(marker.startTime),
      checkpointTime: formatGoTime(marker.checkpointTime),
      username: marker.username,
      hostname: marker.hostname,
    }),
  );
}

/** Damage is CORRUPT_DATA naming `what`. */
export function parseSessionMarker(data: Uint8Array, what: string): SessionMarker {
  const fields = new FieldReader(parseGoJSON(data, what), what);
  return {
    id: fields.string('id'),
    startTime: requiredTime(fields, 'startTime'),
    checkpointTime: requiredTime(fields, 'checkpointTime'),
    username: fields.string('username'),
    hostname: fields.string('hostname'),
  };
}

/** A marker without a time would make a live session look abandoned. */
function requiredTime(fields: FieldReader, name: string): EpochNanoseconds {
  const time = fields.time(name);
  if (time === undefined) throw fields.error(name, 'missing');
  return time;
}

/** Announces a session. Goes before its first pack, so that nobody takes its packs for garbage. */
export async function putSessionMarker(
  storage: BlobStorage,
  sealer: BlobSealer,
  marker: SessionMarker,
  options: AbortOptions = {},
): Promise<BlobID> {
  const { id, bytes } = sealer.seal(encodeSessionMarker(marker), SESSION_MARKER_PREFIX, marker.id);
  await storage.putBlob(id, bytes, options);
  return id;
}

/** Ends a session, after its index blobs are durable or when it is given up. */
export async function deleteSessionMarkers(
  storage: BlobStorage,
  markers: Iterable<BlobID>,
  options: AbortOptions = {},
): Promise<void> {
  for (const id of markers) await storage.deleteBlob(id, options);
}

export interface ListedSession {
  readonly sessionID: string;
  /** The newest of all its markers. */
  readonly checkpointTime: EpochNanoseconds;
  readonly markers: readonly BlobMetadata[];
  /** What the newest one says. */
  readonly newest: SessionMarker;
}

/**
 * Sessions that have a marker, by ID. One that vanishes meanwhile has ended; one that cannot be read is
 * CORRUPT_DATA, because nothing may be collected while it is unknown who writes.
 */
export async function listSessions(
  storage: BlobReader,
  sealer: BlobSealer,
  options: AbortOptions = {},
): Promise<ReadonlyMap<string, ListedSession>> {
  const sessions = new Map<string, ListedSession>();
  for await (const blob of storage.listBlobs(SESSION_MARKER_PREFIX, options)) {
    const sessionID = sessionIDOf(blob.id);
    if (sessionID === undefined) {
      throw new CorruptDataError(`session marker ${blob.id}: names no session`, {
        blobID: blob.id,
      });
    }
    const marker = await readMarker(storage, sealer, blob.id, options);
    if (marker === undefined) continue;
    const known = sessions.get(sessionID);
    const newer = known === undefined || marker.checkpointTime > known.checkpointTime;
    sessions.set(sessionID, {
      sessionID,
      checkpointTime: newer ? marker.checkpointTime : known.checkpointTime,
      markers: [...(known?.markers ?? []), blob],
      newest: newer ? marker : known.newest,
    });
  }
  return sessions;
}

async function readMarker(
  storage: BlobReader,
  sealer: BlobSealer,
  id: BlobID,
  options: AbortOptions,
): Promise<SessionMarker | undefined> {
  try {
    const sealed = await storage.getBlob(id, options);
    return parseSessionMarker(sealer.open(id, sealed), `session marker ${id}`);
  } catch (error) {
    if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
    throw error;
  }
}
