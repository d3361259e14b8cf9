import { randomFillSync } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Algorithms } from '../algorithms.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../bytes.ts';
import type { RandomSource } from '../clock.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import { nodeCryptoAead } from '../node/node-crypto-aead.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import { AEAD_OF_ENCRYPTION } from './aead.ts';
import { createAeadContentCipher, deriveContentSecret } from './aead-content-cipher.ts';
import { type ContentCipher, ENCRYPTION_NAMES, type EncryptionName } from './content-cipher.ts';
import { createItemKeyDerivation } from './item-key.ts';
import { createNoncePool } from './nonce-pool.ts';

const hex = (text: string): Uint8Array => decodeHex(text)!;
const PLAINTEXT = encodeUtf8('hello kopia format\n');

/** Contents as two real repositories keep them in their packs. */
const REPOSITORIES: Record<
  EncryptionName,
  Readonly<Record<'masterKey' | 'contentSecret' | 'iv' | 'key' | 'sealed', string>>
> = {
  'AES256-GCM-HMAC-SHA256': {
    masterKey: 'fa33017ea1d1e8bea3dc14a014f2fd33b26b14ddeb3cb39c6cf85d247b9e67b3',
    contentSecret: 'f9b78468d5522e409cad79c482f1cbe3fcfc34335925a7a59d531da201cd6cdf',
    iv: '71cb541d5bc33b2777d6f1a144eb87ff',
    key: '86c961d24cee57f08b1583dab660cecdbde85381bafd7e89af548941047df222',
    sealed:
      '9dfa85500ed9875a647b0ed6a7cf494d23d23eaa758c841c4a72226b72500378fb55f11399b7656aa36b1a4009c5e6',
  },
  'CHACHA20-POLY1305-HMAC-SHA256': {
    masterKey: '627b6790c2e0288cfedd494beb4c79957d90fbbe51b12a75ad40180bfd367895',
    contentSecret: '02565f0cdb8e33896bc04a68e497a90fcfdc7feef83c8a4e2c423953d8cf0545',
    iv: 'f1b9b8a5a83f84f7713374a3e9beb57b',
    key: 'eb07cea70e7ca712fd348a5655eb1b5b5de2d3d53fe02d0ab3273731ccd10b85',
    sealed:
      '50043d07e164b473520968600405f7bf60382d7fc8e5952cc31aa1c4c8f60ab7d1617187ec16c1a40bf3bf3f349a6b',
  },
};

type CreateAlgorithms = (options?: { random?: RandomSource }) => Algorithms;

const PLATFORMS: readonly (readonly [string, CreateAlgorithms])[] = [
  ['portable', portableAlgorithms],
  ['native', nativeAlgorithms],
  ['node:crypto', nodeCryptoAlgorithms],
];

/** What the native ones are where Node cannot call OpenSSL directly. */
function nodeCryptoAlgorithms(options: { random?: RandomSource } = {}): Algorithms {
  const nonces = createNoncePool(options.random ?? ((target) => void randomFillSync(target)));
  return {
    ...nativeAlgorithms(options),
    createCipher: (name, masterKey) =>
      createAeadContentCipher(name, masterKey, nodeCryptoAead(AEAD_OF_ENCRYPTION[name]), nonces),
  };
}

const IV = hex('000102030405060708090a0b0c0d0e0f');
const MASTER_KEY = new Uint8Array(32).fill(9);

function seal(cipher: ContentCipher, plaintext: Uint8Array, iv = IV): Uint8Array {
  const target = new Uint8Array(plaintext.length + cipher.overhead);
  cipher.sealInto(plaintext, iv, target);
  return target;
}

/** The same bytes at an odd address of shared memory. */
function inSharedMemory(data: Uint8Array): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(data.length + 3), 3);
  view.set(data);
  return view;
}

const corrupt = (what: string): unknown =>
  expect.objectContaining({ code: 'CORRUPT_DATA', message: expect.stringContaining(what) });

describe.each(ENCRYPTION_NAMES)('%s', (name) => {
  const vector = REPOSITORIES[name];

  it('derives content secret and item key as Kopia does', async () => {
    const contentSecret = await deriveContentSecret(hex(vector.masterKey));
    expect(encodeHex(contentSecret)).toBe(vector.contentSecret);
    expect(encodeHex(createItemKeyDerivation(contentSecret)(hex(vector.iv)))).toBe(vector.key);
  });

  describe.each(PLATFORMS)('%s', (_, createAlgorithms) => {
    const created = createAlgorithms().createCipher(name, MASTER_KEY);

    it('opens what Kopia sealed and seals to the same bytes', async () => {
      const sealed = hex(vector.sealed);
      const random: RandomSource = (target) => target.set(sealed.subarray(0, 12));
      const cipher = await createAlgorithms({ random }).createCipher(name, hex(vector.masterKey));
      expect(cipher.name).toBe(name);
      expect(cipher.overhead).toBe(28);
      expect(cipher.open(sealed, hex(vector.iv), 'content')).toEqual(PLAINTEXT);
      expect(encodeHex(seal(cipher, PLAINTEXT, hex(vector.iv)))).toBe(vector.sealed);
    });

    it('notices a change of any byte, of the iv and of the length', async () => {
      const cipher = await created;
      const sealed = seal(cipher, PLAINTEXT);
      expect(cipher.open(sealed, IV, 'content x')).toEqual(PLAINTEXT);
      for (let i = 0; i < sealed.length; i++) {
        const changed = sealed.slice();
        changed[i]! ^= 1 << (i % 8);
        expect(() => cipher.open(changed, IV, 'content x'), `byte ${i}`).toThrow(
          corrupt('content x: authentication failed'),
        );
      }
      for (let i = 0; i < IV.length; i++) {
        const changed = IV.slice();
        changed[i]! ^= 0x80;
        expect(() => cipher.open(sealed, changed, 'content x')).toThrow(corrupt('content x'));
      }
      for (let length = 0; length < sealed.length; length++) {
        expect(() => cipher.open(sealed.subarray(0, length), IV, 'pack p')).toThrow(
          corrupt('pack p'),
        );
      }
      const longer = new Uint8Array([...sealed, 0]);
      expect(() => cipher.open(longer, IV, 'pack p')).toThrow(corrupt('pack p'));
    });

    it('notices damage in each piece of a long item', async () => {
      const cipher = await created;
      const sealed = seal(cipher, new Uint8Array(200_000).fill(3));
      for (const at of [0, 11, 12, 65_547, 65_548, 131_084, 200_011, 200_012, 200_027]) {
        sealed[at]! ^= 4;
        expect(() => cipher.open(sealed, IV, 'content'), `byte ${at}`).toThrow(corrupt('content'));
        sealed[at]! ^= 4;
      }
      expect(cipher.open(sealed, IV, 'content')).toEqual(new Uint8Array(200_000).fill(3));
    });

    it('opens in the place of the ciphertext, in any memory, and notices damage there', async () => {
      const cipher = await created;
      for (const length of [0, 1, 65_536, 200_000]) {
        const plaintext = Uint8Array.from({ length }, (_, i) => i * 7);
        for (const move of [inSharedMemory, (bytes: Uint8Array) => bytes.slice()]) {
          const sealed = move(seal(cipher, plaintext));
          const opened = cipher.openInPlace(sealed, IV, 'content');
          expect(opened.slice()).toEqual(plaintext);
          expect(opened.buffer).toBe(sealed.buffer);
          expect(opened.byteOffset).toBe(sealed.byteOffset + 12);
          const damaged = move(seal(cipher, plaintext));
          damaged[damaged.length - 1]! ^= 1;
          expect(() => cipher.openInPlace(damaged, IV, 'content')).toThrow(corrupt('content'));
        }
      }
      for (let length = 0; length < 28; length++) {
        expect(() => cipher.openInPlace(new Uint8Array(length), IV, 'p')).toThrow(corrupt('p'));
      }
    });

    it('keeps the empty plaintext', async () => {
      const cipher = await created;
      const sealed = seal(cipher, new Uint8Array(0));
      expect(sealed.length).toBe(28);
      expect(cipher.open(sealed, IV, 'content')).toEqual(new Uint8Array(0));
    });

    it('takes an iv of 16 to 32 bytes and nothing else', async () => {
      const cipher = await created;
      for (const length of [16, 20, 28, 32]) {
        const iv = new Uint8Array(length).fill(length);
        expect(cipher.open(seal(cipher, PLAINTEXT, iv), iv, 'index')).toEqual(PLAINTEXT);
      }
      for (const length of [0, 15, 33]) {
        expect(() => seal(cipher, PLAINTEXT, new Uint8Array(length))).toThrow('iv');
        expect(() => cipher.open(new Uint8Array(40), new Uint8Array(length), 'x')).toThrow('iv');
      }
    });

    it('refuses a target of another length', async () => {
      const cipher = await created;
      for (const length of [0, 27, 29]) {
        expect(() => cipher.sealInto(new Uint8Array(0), IV, new Uint8Array(length))).toThrow(
          'length',
        );
      }
    });

    it('uses another nonce each time', async () => {
      const cipher = await created;
      const nonces = Array.from({ length: 2000 }, () =>
        encodeHex(seal(cipher, new Uint8Array(0)).subarray(0, 12)),
      );
      expect(new Set(nonces).size).toBe(nonces.length);
    });

    it('works on shared memory and leaves its surroundings alone', async () => {
      const cipher = await created;
      for (const length of [0, 1, 19, 65_536, 100_001]) {
        const plaintext = Uint8Array.from({ length }, (_, i) => i * 5);
        const area = new Uint8Array(new SharedArrayBuffer(length + 28 + 10)).fill(0xa5);
        const target = area.subarray(5, 5 + length + 28);
        cipher.sealInto(inSharedMemory(plaintext), inSharedMemory(IV), target);
        const opened = cipher.open(target, inSharedMemory(IV), 'content');
        expect(opened).toEqual(plaintext);
        expect(opened.buffer).toBeInstanceOf(ArrayBuffer);
        expect([...area.subarray(0, 5), ...area.subarray(5 + length + 28)]).toEqual(
          Array(10).fill(0xa5),
        );
      }
    });
  });

  it('is opened by the other platform', async () => {
    const portable = await portableAlgorithms().createCipher(name, MASTER_KEY);
    const native = await nativeAlgorithms().createCipher(name, MASTER_KEY);
    const plaintexts = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc
        .constantFrom(65_535, 65_536, 65_537, 131_072, 300_000)
        .map((length) => new Uint8Array(length).fill(length)),
    );
    const ivs = fc.uint8Array({ minLength: 16, maxLength: 32 });
    fc.assert(
      fc.property(plaintexts, ivs, (plaintext, iv) => {
        expect(native.open(seal(portable, plaintext, iv), iv, 'x')).toEqual(plaintext);
        expect(portable.open(seal(native, plaintext, iv), iv, 'x')).toEqual(plaintext);
      }),
    );
  });
});
