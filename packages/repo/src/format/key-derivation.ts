import type { KeyDerivationName } from '../algorithms.ts';
import { encodeUtf8, unshared } from '../bytes.ts';
import { CorruptDataError } from '../errors.ts';

/** Bytes of the format key. */
export const FORMAT_KEY_LENGTH = 32;

/** `scrypt-65536-8-1`: 64 MiB of memory. */
export const SCRYPT_PARAMETERS = { costFactor: 65536, blockSize: 8, parallelism: 1 } as const;

const PBKDF2_ITERATIONS = 600_000;
const SHORTEST_SALT = 16;

/** Computes scrypt with {@link SCRYPT_PARAMETERS} to {@link FORMAT_KEY_LENGTH} bytes. */
export type FormatKeyScrypt = (password: Uint8Array, salt: Uint8Array) => Promise<Uint8Array>;

/** Scrypt in WASM. */
const portableScrypt: FormatKeyScrypt = async (password, salt) => {
  const { scrypt } = await import('hash-wasm');
  return scrypt({
    password,
    salt,
    ...SCRYPT_PARAMETERS,
    hashLength: FORMAT_KEY_LENGTH,
    outputType: 'binary',
  });
};

/**
 * The format key from the password as typed (UTF-8, neither trimmed nor normalised) and the repository's
 * unique ID. CORRUPT_DATA if the ID, which comes from storage, is shorter than 16 bytes.
 */
export async function deriveFormatKey(
  name: KeyDerivationName,
  password: string,
  uniqueID: Uint8Array,
  formatKeyScrypt: FormatKeyScrypt = portableScrypt,
): Promise<Uint8Array> {
  if (uniqueID.length < SHORTEST_SALT) {
    throw new CorruptDataError(
      `format blob: the unique ID has ${uniqueID.length} bytes, the least is ${SHORTEST_SALT}`,
      { field: 'uniqueID' },
    );
  }
  const passwordBytes = encodeUtf8(password);
  return name === 'scrypt-65536-8-1'
    ? formatKeyScrypt(passwordBytes, uniqueID)
    : pbkdf2Sha256(passwordBytes, uniqueID);
}

async function pbkdf2Sha256(password: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', unshared(password), 'PBKDF2', false, [
    'deriveBits',
  ]);
  const bits = await crypto.subtle.deriveBits(
    { name: 'PBKDF2', hash: 'SHA-256', salt: unshared(salt), iterations: PBKDF2_ITERATIONS },
    key,
    8 * FORMAT_KEY_LENGTH,
  );
  return new Uint8Array(bits);
}
