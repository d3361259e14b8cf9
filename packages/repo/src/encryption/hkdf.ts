import { encodeUtf8, unshared } from '../bytes.ts';

/** HKDF-SHA256 (RFC 5869) to `length` bytes. */
export async function hkdfSha256(
  key: Uint8Array,
  salt: Uint8Array,
  info: string,
  length: number,
): Promise<Uint8Array> {
  const bits = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: unshared(salt), info: unshared(encodeUtf8(info)) },
    await importRawKey(key, 'HKDF', 'deriveBits'),
    8 * length,
  );
  return new Uint8Array(bits);
}

/** HMAC-SHA256 (RFC 2104). */
export async function hmacSha256(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  // Web crypto refuses an empty key. HMAC pads keys with zeros, so one zero byte is the same key.
  const paddedKey = key.length === 0 ? new Uint8Array(1) : key;
  const cryptoKey = await importRawKey(paddedKey, { name: 'HMAC', hash: 'SHA-256' }, 'sign');
  return new Uint8Array(await crypto.subtle.sign('HMAC', cryptoKey, unshared(data)));
}

function importRawKey(
  key: Uint8Array,
  algorithm: string | HmacImportParams,
  usage: KeyUsage,
): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', unshared(key), algorithm, false, [usage]);
}
