import { encodeUtf8 } from '../bytes.ts';
import { CorruptDataError, invariant } from '../errors.ts';
import { type Aead, AEAD_NONCE_LENGTH, SEALED_OVERHEAD } from './aead.ts';
import type { ContentCipher, EncryptionName } from './content-cipher.ts';
import { hkdfSha256 } from './hkdf.ts';
import { createItemKeyDerivation } from './item-key.ts';
import type { NonceSource } from './nonce-pool.ts';

const CONTENT_SECRET_SALT = 'encryption';
const CONTENT_SECRET_LENGTH = 32;

const SHORTEST_IV = 16;
const LONGEST_IV = 32;

/** The secret from which the key of every item is derived. Here the purpose is the salt and the info is empty. */
export function deriveContentSecret(masterKey: Uint8Array): Promise<Uint8Array> {
  const salt = encodeUtf8(CONTENT_SECRET_SALT);
  return hkdfSha256(masterKey, salt, '', CONTENT_SECRET_LENGTH);
}

/** Encryption of items over either platform's cipher: a key of its own per `iv`, which is also authenticated. */
export async function createAeadContentCipher(
  name: EncryptionName,
  masterKey: Uint8Array,
  aead: Aead,
  nonces: NonceSource,
): Promise<ContentCipher> {
  const itemKey = createItemKeyDerivation(await deriveContentSecret(masterKey));
  function open(sealed: Uint8Array, iv: Uint8Array, what: string, target?: Uint8Array): Uint8Array {
    checkIv(iv);
    if (sealed.length < SEALED_OVERHEAD) {
      throw new CorruptDataError(
        `${what}: ${sealed.length} bytes are too few for an encrypted item, the least is ${SEALED_OVERHEAD}`,
      );
    }
    const plaintext = aead.open(itemKey(iv), sealed, iv, target);
    if (plaintext === undefined) {
      throw new CorruptDataError(`${what}: authentication failed`);
    }
    return plaintext;
  }
  return {
    name,
    overhead: SEALED_OVERHEAD,
    sealInto(plaintext, iv, target) {
      checkIv(iv);
      invariant(
        target.length === plaintext.length + SEALED_OVERHEAD,
        'the target of sealing has exactly the sealed length',
      );
      nonces(target);
      aead.seal(itemKey(iv), plaintext, iv, target);
    },
    open: (sealed, iv, what) => open(sealed, iv, what),
    openInPlace: (sealed, iv, what) =>
      open(
        sealed,
        iv,
        what,
        sealed.subarray(AEAD_NONCE_LENGTH, sealed.length - SEALED_OVERHEAD + AEAD_NONCE_LENGTH),
      ),
  };
}

function checkIv(iv: Uint8Array): void {
  invariant(iv.length >= SHORTEST_IV && iv.length <= LONGEST_IV, 'an iv has 16 to 32 bytes');
}
