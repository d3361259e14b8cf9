import { describe, expect, it } from 'vitest';
import { decodeBase64, decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '../bytes.ts';
import { encodeBlobConfiguration, parseBlobConfiguration, retentionOf } from './blobcfg-blob.ts';
import { parseBlobID } from '../blob/storage.ts';
import { encodeFormatBlob, parseFormatBlob, type FormatBlob } from './format-blob.ts';
import { createFormatSealer } from './format-sealer.ts';
import {
  derivePurposeKey,
  LOCAL_CACHE_PURPOSE,
  MAINTENANCE_SCHEDULE_PURPOSE,
} from './purpose-keys.ts';
import { encodeStoredFormat, newFormatMembers, parseStoredFormat } from './stored-format.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';

const implementations = [
  ['portable', portableAlgorithms()],
  ['native', nativeAlgorithms()],
] as const;

const hex = (text: string): Uint8Array => decodeHex(text.replaceAll(/\s/g, ''))!;

const UNIQUE_ID = hex('124820e168228d5301bdf43a8f2ad502ca4e5e3a90a19193a4706781546ef494');
const FORMAT_KEY = hex('92ad962f229285acd39cf8a7bcafb1b74deeea352932b8140791fba182da85f9');
const SEALED =
  'kFCrT08pKTtpW26WfQplCkZQvEou8IFcAT5VrvAXtU1U+HRpxAig4v+9F7puMb+N0EO75pjfILRlSdD8T9bW4GPPMiZAuuxLevYFzfLXZiZ8CvOuicQ2Th+flzHwywgm1hHOdLq75JISatpRvxpGkn+p3QzSuHHH3ZWyAjMSC2AfEzQwg1EDOB65zuMIre1i1DHad3m81uoi4wkL8q8ECct2psDPEnBdq5obPYURcSP2GAC3js/+vy2y9pRR4vTa4ruoMXE7TNp+P4TcNz2hCTWapCt1VnL+98dzJMOqD4aZrrwdkFu/NPxGl/AyKzWdJfQ1OEqEw3oQr/fvNbtCs5pC69bJtlMfLIJzCF/wpfQFP62CNqtQjKC9VUV1Su2u8dhdvpnrULPfaW7WjX3aQFQ3aQ4xIJ7/o8m4M2LIICrFDxlCA4PyNh0udtdtS7nEU3r+lJWzOpFlQ7D63rI2reVU+Rp4X4yZGEHPVw/KLDvqIUDN7/5+MaFBk8tFn/xKcCP2vCOz8om/vCKUCqClVh2B+whAQcJfbhE3fRLq4NOElIL0YolgQj5WweZruA60R7rjl3Gu2BJW3b0y/QsGhSs3cDeGUMnJDpiB+t8bZsAOxdd2CoHe7Gg37dmAxqewlz1Jk9H0u3IolkKKhETPoYjW7nX2OGNIWvbqB/9GeuHod8uylybzVnHCtxOT4DLzFj8TxT1bsdlj86psu+mWh456AyegM+LoC7Z9l+UT1NEdkng62en32oYB+FoqDOF8eHQhdTKjOv+yHlYdhRqcgCgn62LBKs5WVL7lC0DAdA==';
const INNER =
  '{"format":{"hash":"BLAKE2B-256-128","encryption":"AES256-GCM-HMAC-SHA256","secret":"geSusXJ33X0vI1FK1jgQ/CdWAmMLKzVeebAmkswb6yo=","masterKey":"+jMBfqHR6L6j3BSgFPL9M7JrFN3rPLOcbPhdJHueZ7M=","version":3,"maxPackSize":20971520,"indexVersion":2,"epochParameters":{"Enabled":true,"EpochRefreshFrequency":1200000000000,"FullCheckpointFrequency":7,"CleanupSafetyMargin":14400000000000,"MinEpochDuration":86400000000000,"EpochAdvanceOnCountThreshold":20,"EpochAdvanceOnTotalSizeBytesThreshold":10485760,"DeleteParallelism":4},"enablePasswordChange":true,"splitter":"DYNAMIC-4M-BUZHASH"}}';

const shell: FormatBlob = {
  tool: 'https://github.com/kopia/kopia',
  buildVersion: 'v0-unofficial',
  buildInfo: '-(<unknown>)',
  uniqueID: UNIQUE_ID,
  keyDerivation: 'scrypt-65536-8-1',
  sealedFormat: decodeBase64(SEALED, 'vector'),
  otherMembers: new Map(),
};
const SHELL_TEXT = `{
  "tool": "https://github.com/kopia/kopia",
  "buildVersion": "v0-unofficial",
  "buildInfo": "-(\\u003cunknown\\u003e)",
  "uniqueID": "Ekgg4WgijVMBvfQ6jyrVAspOXjqQoZGTpHBngVRu9JQ=",
  "keyAlgo": "scrypt-65536-8-1",
  "encryption": "AES256_GCM",
  "encryptedBlockFormat": "${SEALED}"
}
`;

const withMember = (text: string, key: string, value: unknown): Uint8Array => {
  const object = JSON.parse(text) as Record<string, unknown>;
  const target = (object['format'] ?? object) as Record<string, unknown>;
  target[key] = value;
  return encodeUtf8(JSON.stringify(object));
};

const withOtherErrorCorrection = (percent: number): Uint8Array =>
  encodeUtf8(INNER.replace('"secret"', `"ecc":"OTHER","eccOverheadPercent":${percent},"secret"`));

describe.each(implementations)('keys with %s algorithms', (_name, algorithms) => {
  it('derives the format key with scrypt', async () => {
    const key = await algorithms.deriveFormatKey('scrypt-65536-8-1', 'correct horse', UNIQUE_ID);
    expect(encodeHex(key)).toBe(encodeHex(FORMAT_KEY));
  });

  it('derives the format key with PBKDF2', async () => {
    const salt = hex('0e8380745638c4a66904f2206ac4ec2a26a0b8914ef00f2db68a2d0a2a574f04');
    const key = await algorithms.deriveFormatKey('pbkdf2-sha256-600000', 'correct horse', salt);
    expect(encodeHex(key)).toBe('69bc325d1d388fb9d1e15674f349b0e98e6bb90089a73c28c2d7829044597c38');
  });

  it('derives AES key and additional data from the format key', async () => {
    const [aes, aad] = await Promise.all(
      ['AES', 'CHECKSUM'].map((info) => algorithms.hkdfSha256(FORMAT_KEY, UNIQUE_ID, info, 32)),
    );
    expect(encodeHex(aes!)).toBe(
      '14321bb09f339f077567c633719a2ad3fddae3be301c45433a95d797704ec1b9',
    );
    expect(encodeHex(aad!)).toBe(
      'ac48857223596e599708c8d314d258a94719b26ffd8884d6e80b037dccf2af3b',
    );
  });

  it('takes purpose keys from the master key where the password can change', async () => {
    const { format } = parseStoredFormat(encodeUtf8(INNER));
    const keys = { formatKey: FORMAT_KEY, uniqueID: UNIQUE_ID };
    const purposeKey = (purpose: string): Promise<Uint8Array> =>
      derivePurposeKey(algorithms, format, keys, purpose, 32);
    expect(encodeHex(await purposeKey(MAINTENANCE_SCHEDULE_PURPOSE))).toBe(
      '1af923f9d89d45c5e729ce5f2d89aab175f31049ad870a0740209854915bea15',
    );
    expect(await purposeKey(LOCAL_CACHE_PURPOSE)).toEqual(
      await algorithms.hkdfSha256(format.secret, UNIQUE_ID, LOCAL_CACHE_PURPOSE, 32),
    );
  });

  it('takes purpose keys from the format key elsewhere, whatever the version', async () => {
    const plaintext = withMember(INNER, 'enablePasswordChange', false);
    const keys = {
      formatKey: hex('8bc0c91275fda3d64419b586a61cdfecdfa0812820f014f25ff121364a5ba580'),
      uniqueID: hex('c97280643e036602a326b01d042f98d4056ce8dd94d489b631245147cc265f2f'),
    };
    const { format } = parseStoredFormat(plaintext);
    const key = await derivePurposeKey(algorithms, format, keys, MAINTENANCE_SCHEDULE_PURPOSE, 32);
    expect(encodeHex(key)).toBe('c5794f61bda3a3536da0a264328941bbb01616c7a083f94a3345e8f2db150d59');
  });
});

describe.each(implementations)('sealing with %s algorithms', (_name, algorithms) => {
  it("opens Kopia's sealed format and configuration", async () => {
    const sealer = await createFormatSealer(algorithms, FORMAT_KEY, UNIQUE_ID);
    expect(decodeUtf8(sealer.open(shell.sealedFormat)!, 'vector')).toBe(INNER);
    const configuration = hex('f3985908590adc719300aeb457fd66c307406ba21db185de2f43b864a6aa');
    expect(decodeUtf8(sealer.open(configuration)!, 'vector')).toBe('{}');
  });

  it('opens what it sealed, and nothing that was changed or cut', async () => {
    const sealer = await createFormatSealer(algorithms, FORMAT_KEY, UNIQUE_ID);
    const sealed = sealer.seal(encodeUtf8('text'));
    expect(sealed).toHaveLength(12 + 4 + 16);
    expect(sealer.open(sealed)).toEqual(encodeUtf8('text'));
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i]! ^= 1;
      expect(sealer.open(changed)).toBeUndefined();
      expect(sealer.open(sealed.subarray(0, i))).toBeUndefined();
    }
  });
});

describe('kopia.repository', () => {
  it('is laid out as Kopia lays it out', () => {
    expect(decodeUtf8(encodeFormatBlob(shell), 'blob')).toBe(SHELL_TEXT);
    expect(parseFormatBlob(encodeUtf8(SHELL_TEXT))).toEqual(shell);
  });

  it('keeps members that are not known here', () => {
    const text = SHELL_TEXT.replace(/\n\}\n$/, ',\n  "later": [1,{"x":"y"}]\n}\n');
    expect(decodeUtf8(encodeFormatBlob(parseFormatBlob(encodeUtf8(text))), 'blob')).toBe(text);
  });

  it.each([
    ['encryption', 'NONE', 'UNSUPPORTED'],
    ['keyAlgo', 'md5', 'UNSUPPORTED'],
    ['keyAlgo', undefined, 'UNSUPPORTED'],
    ['uniqueID', 'AAAAAAAAAAAAAAAAAAAA', 'CORRUPT_DATA'],
    ['uniqueID', undefined, 'CORRUPT_DATA'],
    ['encryptedBlockFormat', '*', 'CORRUPT_DATA'],
    ['tool', 7, 'CORRUPT_DATA'],
  ])('with %s %j is refused', (key, value, code) => {
    expect(() => parseFormatBlob(withMember(SHELL_TEXT, key, value))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it.each(['', 'x', '[]', 'null', '{"tool":'])('of %j is damage', (text) => {
    expect(() => parseFormatBlob(encodeUtf8(text))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/CORRUPT_DATA|UNSUPPORTED/) }),
    );
  });
});

describe('the inner format', () => {
  it('is read into parameters and written back to the same bytes', () => {
    const stored = parseStoredFormat(encodeUtf8(INNER));
    expect(stored.format).toMatchObject({
      version: 3,
      hash: 'BLAKE2B-256-128',
      encryption: 'AES256-GCM-HMAC-SHA256',
      ecc: undefined,
      maxPackSize: 20_971_520,
      indexVersion: 2,
      enablePasswordChange: true,
      splitter: 'DYNAMIC-4M-BUZHASH',
      requiredFeatures: [],
    });
    expect(stored.upgradeLock).toBeUndefined();
    expect(decodeUtf8(encodeStoredFormat(stored.members), 'inner')).toBe(INNER);
    expect(decodeUtf8(encodeStoredFormat(newFormatMembers(stored.format)), 'inner')).toBe(INNER);
  });

  it('writes error correction, an upgrade lock, features and unknown members in order', () => {
    const text = INNER.replace(
      '"secret"',
      '"ecc":"REED-SOLOMON-CRC32","eccOverheadPercent":12,"secret"',
    ).replace(
      /\}\}$/,
      ',"upgradeLock":{"ownerID":"o","creationTime":"2026-11-24T00:00:00+02:00","message":"m"}' +
        ',"requiredFeatures":[{"feature":"f","ifNotUnderstood":{"warn":true,"url":"u"}}],"later":12345678901234567890}}',
    );
    const stored = parseStoredFormat(encodeUtf8(text));
    expect(stored.format.ecc).toEqual({ algorithm: 'REED-SOLOMON-CRC32', overheadPercent: 12 });
    expect(stored.format.requiredFeatures).toEqual([
      { feature: 'f', ifNotUnderstood: { warn: true, url: 'u' } },
    ]);
    expect(stored.upgradeLock).toMatchObject({ ownerID: 'o', ioDrainTimeout: 0n });
    expect(decodeUtf8(encodeStoredFormat(stored.members), 'inner')).toBe(text);
  });

  it('applies what absent values mean', () => {
    const text = INNER.replace('"maxPackSize":20971520,"indexVersion":2,', '').replace(
      /"epochParameters":\{[^}]*\},/,
      '',
    );
    expect(parseStoredFormat(encodeUtf8(text)).format).toMatchObject({
      maxPackSize: 20 * 1024 * 1024,
      indexVersion: 1,
      epochParameters: { enabled: false, minEpochDuration: 0n },
    });
  });

  it.each([
    ['hash', 'MD5', 'UNSUPPORTED'],
    ['encryption', 'NONE', 'UNSUPPORTED'],
    ['version', 0, 'UNSUPPORTED'],
    ['version', 4, 'UNSUPPORTED'],
    ['indexVersion', 3, 'UNSUPPORTED'],
    ['version', 'x', 'CORRUPT_DATA'],
    ['masterKey', '', 'CORRUPT_DATA'],
    ['maxPackSize', -1, 'CORRUPT_DATA'],
    ['maxPackSize', 2 ** 31, 'CORRUPT_DATA'],
    ['requiredFeatures', {}, 'CORRUPT_DATA'],
    ['epochParameters', [], 'CORRUPT_DATA'],
    ['upgradeLock', {}, 'CORRUPT_DATA'],
  ])('with %s %j is refused', (key, value, code) => {
    expect(() => parseStoredFormat(withMember(INNER, key, value))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('refuses an unknown error correction only if it is on', () => {
    expect(parseStoredFormat(withOtherErrorCorrection(0)).format.ecc).toBeUndefined();
    expect(() => parseStoredFormat(withOtherErrorCorrection(1))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });
});

describe('kopia.blobcfg', () => {
  it.each([
    [undefined, '{}'],
    [
      { mode: 'GOVERNANCE', periodNanoseconds: 86_400_000_000_000n } as const,
      '{"retentionMode":"GOVERNANCE","retentionPeriod":86400000000000}',
    ],
    [
      { mode: 'COMPLIANCE', periodNanoseconds: 36_500n * 86_400_000_000_000n } as const,
      '{"retentionMode":"COMPLIANCE","retentionPeriod":3153600000000000000}',
    ],
  ])('holds %o', (configuration, json) => {
    expect(decodeUtf8(encodeBlobConfiguration(configuration), 'blobcfg')).toBe(json);
    expect(parseBlobConfiguration(encodeUtf8(json))).toEqual(configuration);
  });

  it('means no retention unless both are set', () => {
    expect(parseBlobConfiguration(encodeUtf8('{"retentionMode":"GOVERNANCE"}'))).toBeUndefined();
    expect(parseBlobConfiguration(encodeUtf8('{"retentionPeriod":1}'))).toBeUndefined();
  });

  it('with an unknown mode is refused, since blobs would go unlocked', () => {
    const json = '{"retentionMode":"FOREVER","retentionPeriod":1}';
    expect(() => parseBlobConfiguration(encodeUtf8(json))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });

  it.each([
    ['n1', true],
    ['xw17', true],
    ['p1-s2', true],
    ['q1-s2', true],
    ['kopia.repository', true],
    ['kopia.repository.backup.me', true],
    ['kopia.blobcfg', true],
    ['kopia.maintenance', false],
    ['s1-s2', false],
    ['_log_1', false],
    ['m1', false],
    ['l1', false],
  ])('locks %s: %s', (id, locked) => {
    const retention = { mode: 'GOVERNANCE', periodNanoseconds: 1n } as const;
    expect(retentionOf(parseBlobID(id), retention)).toEqual(locked ? retention : undefined);
    expect(retentionOf(parseBlobID(id), undefined)).toBeUndefined();
  });
});
