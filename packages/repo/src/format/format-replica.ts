import type { Algorithms } from '../algorithms.ts';
import { concatBytes, encodeUtf8, equalBytes } from '../bytes.ts';
import { LongshoreError } from '../errors.ts';

type HmacSha256 = Pick<Algorithms, 'hmacSha256'>;

const REPLICA_KEY = encodeUtf8('kopia-repository');
const LENGTH_BYTES = 2;
const MAC_BYTES = 32;
const MAX_BODY_BYTES = 65_000;

/** How much of the start, or the end, of a pack is enough to find a replica in it. */
export const REPLICA_SEARCH_BYTES = 65_536;

/*
 * replica = length(2, little-endian) || format blob || HMAC-SHA256(32) || length(2, again)
 * The length counts the format blob and its MAC. Source: docs/format/format-blob.md.
 */

/** The copy of `kopia.repository` that each pack starts with where the password can never change. */
export async function encodeFormatReplica(
  algorithms: HmacSha256,
  formatBlob: Uint8Array,
): Promise<Uint8Array> {
  const bodyLength = formatBlob.length + MAC_BYTES;
  if (bodyLength > MAX_BODY_BYTES) {
    throw new LongshoreError(
      'UNSUPPORTED',
      `kopia.repository has ${formatBlob.length} bytes, too many to be copied into packs`,
    );
  }
  const mac = await algorithms.hmacSha256(REPLICA_KEY, formatBlob);
  const length = Uint8Array.of(bodyLength & 0xff, bodyLength >> 8);
  return concatBytes([length, formatBlob, mac, length]);
}

/** The format blob whose replica starts at the first byte of a pack; undefined if there is none. */
export function replicaAtStart(
  algorithms: HmacSha256,
  start: Uint8Array,
): Promise<Uint8Array | undefined> {
  const length = readLength(start, 0);
  return verifyBody(algorithms, start.subarray(LENGTH_BYTES, LENGTH_BYTES + length), length);
}

/** The format blob whose replica ends at the last byte of a pack; undefined if there is none. */
export function replicaAtEnd(
  algorithms: HmacSha256,
  end: Uint8Array,
): Promise<Uint8Array | undefined> {
  const bodyEnd = end.length - LENGTH_BYTES;
  const length = readLength(end, bodyEnd);
  return verifyBody(algorithms, end.subarray(Math.max(0, bodyEnd - length), bodyEnd), length);
}

function readLength(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) + ((bytes[offset + 1] ?? 0) << 8);
}

async function verifyBody(
  algorithms: HmacSha256,
  body: Uint8Array,
  length: number,
): Promise<Uint8Array | undefined> {
  if (length <= MAC_BYTES || length > MAX_BODY_BYTES || body.length !== length) return undefined;
  const formatBlob = body.slice(0, length - MAC_BYTES);
  const mac = await algorithms.hmacSha256(REPLICA_KEY, formatBlob);
  return equalBytes(mac, body.subarray(length - MAC_BYTES)) ? formatBlob : undefined;
}
