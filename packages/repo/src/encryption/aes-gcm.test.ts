import { describe, expect, it } from 'vitest';
import type { Algorithms } from '../algorithms.ts';
import { decodeBase64, decodeHex, decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';

// The sealed parts of a real repository's kopia.blobcfg and kopia.repository.
const KEY = decodeHex('14321bb09f339f077567c633719a2ad3fddae3be301c45433a95d797704ec1b9')!;
const AAD = decodeHex('ac48857223596e599708c8d314d258a94719b26ffd8884d6e80b037dccf2af3b')!;
const BLOB_CONFIGURATION = decodeHex(
  'f3985908590adc719300aeb457fd66c307406ba21db185de2f43b864a6aa',
)!;
const FORMAT = decodeBase64(
  'kFCrT08pKTtpW26WfQplCkZQvEou8IFcAT5VrvAXtU1U+HRpxAig4v+9F7puMb+N0EO75pjfILRlSdD8T9bW4GPPMiZAuuxLevYFzfLXZiZ8CvOuicQ2Th+flzHwywgm1hHOdLq75JISatpRvxpGkn+p3QzSuHHH3ZWyAjMSC2AfEzQwg1EDOB65zuMIre1i1DHad3m81uoi4wkL8q8ECct2psDPEnBdq5obPYURcSP2GAC3js/+vy2y9pRR4vTa4ruoMXE7TNp+P4TcNz2hCTWapCt1VnL+98dzJMOqD4aZrrwdkFu/NPxGl/AyKzWdJfQ1OEqEw3oQr/fvNbtCs5pC69bJtlMfLIJzCF/wpfQFP62CNqtQjKC9VUV1Su2u8dhdvpnrULPfaW7WjX3aQFQ3aQ4xIJ7/o8m4M2LIICrFDxlCA4PyNh0udtdtS7nEU3r+lJWzOpFlQ7D63rI2reVU+Rp4X4yZGEHPVw/KLDvqIUDN7/5+MaFBk8tFn/xKcCP2vCOz8om/vCKUCqClVh2B+whAQcJfbhE3fRLq4NOElIL0YolgQj5WweZruA60R7rjl3Gu2BJW3b0y/QsGhSs3cDeGUMnJDpiB+t8bZsAOxdd2CoHe7Gg37dmAxqewlz1Jk9H0u3IolkKKhETPoYjW7nX2OGNIWvbqB/9GeuHod8uylybzVnHCtxOT4DLzFj8TxT1bsdlj86psu+mWh456AyegM+LoC7Z9l+UT1NEdkng62en32oYB+FoqDOF8eHQhdTKjOv+yHlYdhRqcgCgn62LBKs5WVL7lC0DAdA==',
  'format',
);

describe.each<[string, Algorithms]>([
  ['portable', portableAlgorithms()],
  ['native', nativeAlgorithms()],
])('%s', (_, algorithms) => {
  it("opens Kopia's blob configuration and format", async () => {
    const cipher = await algorithms.createAesGcm(KEY);
    expect(decodeUtf8(cipher.open(BLOB_CONFIGURATION, AAD)!, 'configuration')).toBe('{}');
    expect(JSON.parse(decodeUtf8(cipher.open(FORMAT, AAD)!, 'format'))).toMatchObject({
      format: { hash: 'BLAKE2B-256-128', splitter: 'DYNAMIC-4M-BUZHASH', version: 3 },
    });
  });

  it('opens what it sealed, and nothing that was changed', async () => {
    const cipher = await algorithms.createAesGcm(KEY);
    const plaintext = encodeUtf8('{"runs":{}}');
    const sealed = cipher.seal(plaintext, AAD);
    expect(sealed.length).toBe(plaintext.length + 28);
    expect(cipher.open(sealed, AAD)).toEqual(plaintext);
    expect(cipher.seal(plaintext, AAD)).not.toEqual(sealed);
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i]! ^= 1;
      expect(cipher.open(changed, AAD)).toBeUndefined();
      expect(cipher.open(sealed.subarray(0, i), AAD)).toBeUndefined();
    }
    expect(cipher.open(sealed, AAD.subarray(1))).toBeUndefined();
    const other = await algorithms.createAesGcm(new Uint8Array(32));
    expect(other.open(sealed, AAD)).toBeUndefined();
  });

  it('refuses keys of other lengths', async () => {
    for (const length of [0, 16, 24, 31, 33]) {
      await expect(algorithms.createAesGcm(new Uint8Array(length))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
  });
});
