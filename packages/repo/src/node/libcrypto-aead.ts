import {
  type Aead,
  AEAD_KEY_LENGTH,
  AEAD_NONCE_LENGTH,
  AEAD_TAG_LENGTH,
  type AeadName,
  SEALED_OVERHEAD,
} from '../encryption/aead.ts';
import { equalBytes } from '../bytes.ts';
import { invariant } from '../errors.ts';
import { type Libcrypto, loadLibcrypto } from './libcrypto.ts';
import { nodeCryptoAead } from './node-crypto-aead.ts';

const CIPHER_NAMES = {
  'AES-256-GCM': 'AES-256-GCM',
  'CHACHA20-POLY1305': 'ChaCha20-Poly1305',
} as const;

const OK = 1;

/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG. */
const GET_TAG = 0x10;
const SET_TAG = 0x11;

const DECRYPT = 0;
const ENCRYPT = 1;

/** Small inputs and outputs of a call lie here, at addresses that are asked for once. */
const KEY_OFFSET = 0;
const NONCE_OFFSET = KEY_OFFSET + AEAD_KEY_LENGTH;
const TAG_OFFSET = NONCE_OFFSET + 16;
const OUT_LENGTH_OFFSET = TAG_OFFSET + AEAD_TAG_LENGTH;
const ADDITIONAL_OFFSET = OUT_LENGTH_OFFSET + 16;
const ADDITIONAL_ROOM = 128;

/** What OpenSSL takes as the length of one update. */
const MAX_LENGTH = 2 ** 31 - 1;

/**
 * The ciphers of OpenSSL by direct calls into the library that Node runs on. `node:crypto` makes an object for each item
 * and allocates each output; here a context is set up anew for each item and writes where the result belongs. Undefined
 * where that cannot be done, or does not give what `node:crypto` gives. Contexts are never freed: one for a thread, see
 * `nativeAead`.
 */
export function libcryptoAead(name: AeadName): Aead | undefined {
  const libcrypto = loadLibcrypto();
  const aead = libcrypto && createAead(libcrypto, name);
  return aead !== undefined && agrees(aead, nodeCryptoAead(name)) ? aead : undefined;
}

function createAead(libcrypto: Libcrypto, name: AeadName): Aead | undefined {
  const cipher = libcrypto.fetchCipher(CIPHER_NAMES[name]);
  const context = cipher === 0n ? 0n : libcrypto.createContext();
  if (context === 0n || libcrypto.init(context, cipher, 0n, 0n, ENCRYPT) !== OK) {
    libcrypto.clearErrors();
    return undefined;
  }
  const scratch = Buffer.allocUnsafeSlow(ADDITIONAL_OFFSET + ADDITIONAL_ROOM);
  const addressOf = (offset: number): bigint => libcrypto.addressOf(scratch) + BigInt(offset);
  const key = addressOf(KEY_OFFSET);
  const nonce = addressOf(NONCE_OFFSET);
  const tag = addressOf(TAG_OFFSET);
  const outLength = addressOf(OUT_LENGTH_OFFSET);
  const additional = addressOf(ADDITIONAL_OFFSET);
  const tagBytes = scratch.subarray(TAG_OFFSET, TAG_OFFSET + AEAD_TAG_LENGTH);

  function begin(
    direction: 0 | 1,
    itemKey: Uint8Array,
    itemNonce: Uint8Array,
    additionalData: Uint8Array,
  ): void {
    invariant(itemKey.length === AEAD_KEY_LENGTH, 'a key has 32 bytes');
    invariant(itemNonce.length === AEAD_NONCE_LENGTH, 'a nonce has 12 bytes');
    scratch.set(itemKey, KEY_OFFSET);
    scratch.set(itemNonce, NONCE_OFFSET);
    check(libcrypto.init(context, 0n, key, nonce, direction));
    for (let offset = 0; offset < additionalData.length; offset += ADDITIONAL_ROOM) {
      const piece = additionalData.subarray(offset, offset + ADDITIONAL_ROOM);
      scratch.set(piece, ADDITIONAL_OFFSET);
      check(libcrypto.authenticate(context, outLength, additional, piece.length));
    }
  }

  /** OpenSSL knows nothing of the end of `output`. */
  function transform(input: Uint8Array, output: Uint8Array): void {
    invariant(input.length === output.length, 'a cipher keeps the length');
    invariant(input.length <= MAX_LENGTH, 'an item is shorter than 2 GiB');
    if (input.length > 0) check(libcrypto.update(context, output, outLength, input));
  }

  function check(result: number): void {
    if (result === OK) return;
    libcrypto.clearErrors();
    throw new Error(`${name}: OpenSSL refuses a step of the cipher`);
  }

  return {
    seal(itemKey, plaintext, additionalData, sealed) {
      const end = AEAD_NONCE_LENGTH + plaintext.length;
      invariant(sealed.length === end + AEAD_TAG_LENGTH, 'a sealed item has the sealed length');
      begin(ENCRYPT, itemKey, sealed.subarray(0, AEAD_NONCE_LENGTH), additionalData);
      transform(plaintext, sealed.subarray(AEAD_NONCE_LENGTH, end));
      check(libcrypto.finish(context, tag, outLength));
      check(libcrypto.control(context, GET_TAG, AEAD_TAG_LENGTH, tag));
      sealed.set(tagBytes, end);
    },
    open(
      itemKey,
      sealed,
      additionalData,
      plaintext = new Uint8Array(sealed.length - SEALED_OVERHEAD),
    ) {
      const end = sealed.length - AEAD_TAG_LENGTH;
      begin(DECRYPT, itemKey, sealed.subarray(0, AEAD_NONCE_LENGTH), additionalData);
      transform(sealed.subarray(AEAD_NONCE_LENGTH, end), plaintext);
      tagBytes.set(sealed.subarray(end));
      check(libcrypto.control(context, SET_TAG, AEAD_TAG_LENGTH, tag));
      if (libcrypto.finish(context, nonce, outLength) === OK) return plaintext;
      libcrypto.clearErrors();
      return undefined;
    },
  };
}

/** Whether two ciphers seal to the same bytes, open them, and refuse damaged ones. */
function agrees(aead: Aead, reference: Aead): boolean {
  const key = Uint8Array.from({ length: AEAD_KEY_LENGTH }, (_, i) => i);
  const additionalData = Uint8Array.from({ length: 16 }, (_, i) => 2 * i);
  const plaintext = Uint8Array.from({ length: 100 }, (_, i) => 3 * i);
  const sealed = new Uint8Array(plaintext.length + SEALED_OVERHEAD).fill(7);
  const expected = sealed.slice();
  aead.seal(key, plaintext, additionalData, sealed);
  reference.seal(key, plaintext, additionalData, expected);
  const opened = aead.open(key, sealed, additionalData);
  const isSame = equalBytes(sealed, expected);
  sealed[sealed.length - 1]! ^= 1;
  return (
    isSame &&
    opened !== undefined &&
    equalBytes(opened, plaintext) &&
    aead.open(key, sealed, additionalData) === undefined
  );
}
