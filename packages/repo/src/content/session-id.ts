import { encodeHex } from '../bytes.ts';
import { NANOSECONDS_PER_SECOND, type EpochNanoseconds, type RandomSource } from '../clock.ts';
import { LongshoreError } from '../errors.ts';

declare const sessionIDBrand: unique symbol;
/** Names one write session in its packs, index blobs and marker: `s`, 16 hex digits of chance, hex digits of time. */
export type SessionID = string & { readonly [sessionIDBrand]: true };

const RANDOM_BYTES = 8;
/** 2000-01-01T00:00:00Z */
const SESSION_EPOCH = 946_684_800n * NANOSECONDS_PER_SECOND;
const THIRTY_DAYS = 30n * 86_400n * NANOSECONDS_PER_SECOND;

/** A fresh ID. Its tail counts periods of 30 days since 2000; times before that count as 2000. */
export function createSessionID(now: EpochNanoseconds, random: RandomSource): SessionID {
  const chance = new Uint8Array(RANDOM_BYTES);
  random(chance);
  const sinceEpoch = now > SESSION_EPOCH ? now - SESSION_EPOCH : 0n;
  return `s${encodeHex(chance)}${(sinceEpoch / THIRTY_DAYS).toString(16)}` as SessionID;
}

/** INVALID_ARGUMENT for what no client writes. */
export function parseSessionID(text: string): SessionID {
  if (!/^s[0-9a-f]{17,32}$/.test(text)) {
    throw new LongshoreError('INVALID_ARGUMENT', `not a session ID: ${JSON.stringify(text)}`);
  }
  return text as SessionID;
}

/**
 * The session that wrote a blob: the first part after a dash that starts with `s`, taken as it is. Undefined
 * for names without one, as older releases of Kopia wrote them.
 */
export function sessionIDOf(blobID: string): SessionID | undefined {
  const part = blobID.split('-').find((candidate, index) => index > 0 && candidate.startsWith('s'));
  return part as SessionID | undefined;
}
