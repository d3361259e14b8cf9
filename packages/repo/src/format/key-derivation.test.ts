import { pbkdf2Sync, scryptSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Algorithms, KEY_DERIVATION_NAMES } from '../algorithms.ts';
import { decodeHex, encodeHex } from '../bytes.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';

const hex = (text: string): Uint8Array => decodeHex(text)!;

describe.each<[string, Algorithms]>([
  ['portable', portableAlgorithms()],
  ['native', nativeAlgorithms()],
])('%s', (_, algorithms) => {
  it('derives the format keys of two real repositories', async () => {
    const withScrypt = await algorithms.deriveFormatKey(
      'scrypt-65536-8-1',
      'correct horse',
      hex('124820e168228d5301bdf43a8f2ad502ca4e5e3a90a19193a4706781546ef494'),
    );
    expect(encodeHex(withScrypt)).toBe(
      '92ad962f229285acd39cf8a7bcafb1b74deeea352932b8140791fba182da85f9',
    );
    const withPbkdf2 = await algorithms.deriveFormatKey(
      'pbkdf2-sha256-600000',
      'correct horse',
      hex('0e8380745638c4a66904f2206ac4ec2a26a0b8914ef00f2db68a2d0a2a574f04'),
    );
    expect(encodeHex(withPbkdf2)).toBe(
      '69bc325d1d388fb9d1e15674f349b0e98e6bb90089a73c28c2d7829044597c38',
    );
  });

  // Neither trimmed nor normalised: the decomposed form of a letter is another password.
  it.each(['', ' päss wörd 😀 ', 'a\u0308'])('takes the password %j as it is', async (password) => {
    const salt = new Uint8Array(16).fill(1);
    const options = { N: 65536, r: 8, p: 1, maxmem: 1 << 28 };
    expect(await algorithms.deriveFormatKey('scrypt-65536-8-1', password, salt)).toEqual(
      Uint8Array.from(scryptSync(password, salt, 32, options)),
    );
    expect(await algorithms.deriveFormatKey('pbkdf2-sha256-600000', password, salt)).toEqual(
      Uint8Array.from(pbkdf2Sync(password, salt, 600_000, 32, 'sha256')),
    );
  });

  it.each(KEY_DERIVATION_NAMES)('%s refuses a unique ID shorter than 16 bytes', async (name) => {
    await expect(
      algorithms.deriveFormatKey(name, 'password', new Uint8Array(15)),
    ).rejects.toMatchObject({ code: 'CORRUPT_DATA', facts: { field: 'uniqueID' } });
  });
});
