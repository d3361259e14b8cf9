import { encodeHex } from '../bytes.ts';
import type { RandomSource } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import type { ManifestID } from '../repository-contract.ts';

/** The only maker of manifest IDs from text; INVALID_ARGUMENT if it is not 32 lower-case hex digits. */
export function parseManifestID(text: string): ManifestID {
  if (!isManifestID(text)) {
    throw new LongshoreError('INVALID_ARGUMENT', `not a manifest ID: ${JSON.stringify(text)}`);
  }
  return text;
}

export function isManifestID(text: string): text is ManifestID {
  return /^[0-9a-f]{32}$/.test(text);
}

/** 16 random bytes: IDs are never reused. */
export function newManifestID(random: RandomSource): ManifestID {
  const bytes = new Uint8Array(16);
  random(bytes);
  return encodeHex(bytes) as ManifestID;
}
