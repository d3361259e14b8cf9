import { createSHA224, createSHA256, createSHA3, type IHasher } from 'hash-wasm';
import type { HmacFunction, KeyedDigest } from './hash-construction.ts';

const HASHERS: Readonly<Record<HmacFunction, () => Promise<IHasher>>> = {
  sha224: createSHA224,
  sha256: createSHA256,
  'sha3-224': () => createSHA3(224),
  'sha3-256': () => createSHA3(256),
};

/** HMAC (RFC 2104) over any key. The states after the two padded keys are computed once and restored. */
export async function createHmac(hash: HmacFunction, key: Uint8Array): Promise<KeyedDigest> {
  const hasher = await HASHERS[hash]();
  const blockKey = new Uint8Array(hasher.blockSize);
  blockKey.set(key.length > blockKey.length ? hasher.init().update(key).digest('binary') : key);
  const stateAfter = (pad: number): Uint8Array =>
    hasher
      .init()
      .update(blockKey.map((byte) => byte ^ pad))
      .save();
  const inner = stateAfter(0x36);
  const outer = stateAfter(0x5c);
  return (data) => {
    const innerDigest = hasher.load(inner).update(data).digest('binary');
    return hasher.load(outer).update(innerDigest).digest('binary');
  };
}
