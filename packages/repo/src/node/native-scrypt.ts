import { scrypt } from 'node:crypto';
import {
  FORMAT_KEY_LENGTH,
  type FormatKeyScrypt,
  SCRYPT_PARAMETERS,
} from '../format/key-derivation.ts';

const { costFactor, blockSize, parallelism } = SCRYPT_PARAMETERS;

/** Scrypt itself needs 64 MiB, twice Node's default limit; OpenSSL counts some more. */
const MAX_MEMORY = 2 * 128 * costFactor * blockSize;

/** Scrypt of OpenSSL, on Node's thread pool. */
export const nativeScrypt: FormatKeyScrypt = (password, salt) =>
  new Promise((resolve, reject) => {
    const options = { cost: costFactor, blockSize, parallelization: parallelism };
    scrypt(password, salt, FORMAT_KEY_LENGTH, { ...options, maxmem: MAX_MEMORY }, (error, key) => {
      if (error === null) resolve(Uint8Array.from(key));
      else reject(error);
    });
  });
