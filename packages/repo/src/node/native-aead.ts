import type { Aead, AeadName } from '../encryption/aead.ts';
import { libcryptoAead } from './libcrypto-aead.ts';
import { nodeCryptoAead } from './node-crypto-aead.ts';

/** Of this thread: what the fast ones hold is never freed. */
const known: Map<AeadName, Aead> = new Map();

/** The ciphers of OpenSSL, by direct calls where Node can make them, else by `node:crypto`. */
export function nativeAead(name: AeadName): Aead {
  const aead = known.get(name) ?? libcryptoAead(name) ?? nodeCryptoAead(name);
  known.set(name, aead);
  return aead;
}
