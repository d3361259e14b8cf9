import { createHmac, hkdfSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { decodeHex, encodeHex, encodeUtf8 } from '../bytes.ts';
import { hkdfSha256, hmacSha256 } from './hkdf.ts';

const hex = (text: string): Uint8Array => decodeHex(text)!;

it('derives the purpose keys of two real repositories', async () => {
  const masterKey = hex('fa33017ea1d1e8bea3dc14a014f2fd33b26b14ddeb3cb39c6cf85d247b9e67b3');
  const uniqueID = hex('124820e168228d5301bdf43a8f2ad502ca4e5e3a90a19193a4706781546ef494');
  expect(encodeHex(await hkdfSha256(masterKey, uniqueID, 'maintenance schedule', 32))).toBe(
    '1af923f9d89d45c5e729ce5f2d89aab175f31049ad870a0740209854915bea15',
  );
  const formatKey = hex('8bc0c91275fda3d64419b586a61cdfecdfa0812820f014f25ff121364a5ba580');
  const olderID = hex('c97280643e036602a326b01d042f98d4056ce8dd94d489b631245147cc265f2f');
  expect(encodeHex(await hkdfSha256(formatKey, olderID, 'maintenance schedule', 32))).toBe(
    'c5794f61bda3a3536da0a264328941bbb01616c7a083f94a3345e8f2db150d59',
  );
});

it('derives the keys of a format blob', async () => {
  const formatKey = hex('92ad962f229285acd39cf8a7bcafb1b74deeea352932b8140791fba182da85f9');
  const uniqueID = hex('124820e168228d5301bdf43a8f2ad502ca4e5e3a90a19193a4706781546ef494');
  expect(encodeHex(await hkdfSha256(formatKey, uniqueID, 'AES', 32))).toBe(
    '14321bb09f339f077567c633719a2ad3fddae3be301c45433a95d797704ec1b9',
  );
  expect(encodeHex(await hkdfSha256(formatKey, uniqueID, 'CHECKSUM', 32))).toBe(
    'ac48857223596e599708c8d314d258a94719b26ffd8884d6e80b037dccf2af3b',
  );
});

it('is HKDF for any lengths of key, salt and output', async () => {
  for (const length of [0, 1, 16, 32, 64, 65, 200]) {
    const key = new Uint8Array(length).fill(1);
    const salt = new Uint8Array(length).fill(2);
    const expected = new Uint8Array(hkdfSync('sha256', key, salt, 'info', 16 + length));
    expect(await hkdfSha256(key, salt, 'info', 16 + length)).toEqual(expected);
  }
});

it('is HMAC for any lengths of key and data, also in shared memory', async () => {
  for (const length of [0, 1, 32, 63, 64, 65, 1000]) {
    const key = new Uint8Array(new SharedArrayBuffer(length)).fill(7);
    const data = encodeUtf8('data'.repeat(length));
    const expected = createHmac('sha256', Uint8Array.from(key)).update(data).digest('hex');
    expect(encodeHex(await hmacSha256(key, data))).toBe(expected);
  }
});
