import { describe, expect, it } from 'vitest';
import { parseBlobID } from '../../blob/storage.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../bytes.ts';
import { createErrorCorrection } from '../../ecc/reed-solomon-crc32.ts';
import { nativeAlgorithms } from '../../node/native-algorithms.ts';
import { portableAlgorithms } from '../../portable-algorithms.ts';
import { BlobSealer } from './blob-sealing.ts';

/** Blobs of three repositories that Kopia wrote, with the keys of each. */
const VECTORS = [
  {
    name: 'an index of version 2',
    secret: '81e4aeb17277dd7d2f23514ad63810fc275602630b2b355e79b02692cc1beb2a',
    masterKey: 'fa33017ea1d1e8bea3dc14a014f2fd33b26b14ddeb3cb39c6cf85d247b9e67b3',
    id: 'xn0_1e85a31545ee72b25867d5d6cefa5ad6-s70d4d46a29cc6271147-c1',
    sealed:
      'fc3ea8461d7ed6a76f9f4f67cee300122265f082406fee6d34face150713d16527de405e8bbbacef00c2256952b0483b3e574c64d8555717c0229e5a87f87c700cb2db5c2aaba06335dd3143a4ab7f9732af0f4a8d61f22c029cf12589bdd9ae38f124b2bc7bda4631c85416858717faad690b448e494b2d7a9ea56e11b49bb221fb946db9380a08238b23961c3aa3',
    beginning: '02110010000000010000000101000000006de7cb658071258877bdb6e27ea8ed2821',
    length: 115,
  },
  {
    name: 'an index of version 1',
    secret: '20c2b38ae779210130c8e61e9e594dcc7047059c370c89ed414aac5ac7761bb9',
    masterKey: 'a392d7344e62ea94cc191f6a5343a4a07b171697af196d567e54ee5f26591b1e',
    id: 'n7377e7226cbd5952d3610270eee32ae1-sdf46f9463ae944aa147',
    sealed:
      'c74945f7a8c4067cf574b519f2ba56ff2956291e6782f55a202e596bc54d40cdc6899eea45fe59b49041b7136baad6072fc6dd76c6dcdd4b1265e48087360953673a90aa5c2901f0842420381aff05afaa06602487befc0c5229393fdf6401390356de8ea5507c51516ab1e40da86ac5642b83e624b8946f6b1a8beb73a74a',
    beginning: '01110014000000016dc6074c8d88eaba25d000e786cc7c6a34',
    length: 99,
  },
];

const SMALL_SECRETS = {
  secret: decodeHex(VECTORS[0]!.secret)!,
  masterKey: decodeHex(VECTORS[0]!.masterKey)!,
};

async function createSealer(
  algorithms = nativeAlgorithms(),
  { secret, masterKey } = SMALL_SECRETS,
  hashName: 'BLAKE2B-256-128' | 'BLAKE2B-256' = 'BLAKE2B-256-128',
  eccPercent = 0,
): Promise<BlobSealer> {
  return new BlobSealer({
    hash: await algorithms.createHash(hashName, secret),
    cipher: await algorithms.createCipher('AES256-GCM-HMAC-SHA256', masterKey),
    errorCorrection: eccPercent === 0 ? undefined : createErrorCorrection(eccPercent),
  });
}

describe.each([
  ['native', nativeAlgorithms()],
  ['portable', portableAlgorithms()],
])('with %s algorithms', (_name, algorithms) => {
  it.each(VECTORS)('opens $name that Kopia sealed and gives it the same name', async (vector) => {
    const sealer = await createSealer(algorithms, {
      secret: decodeHex(vector.secret)!,
      masterKey: decodeHex(vector.masterKey)!,
    });
    const id = parseBlobID(vector.id);
    const plaintext = sealer.open(id, decodeHex(vector.sealed)!);
    expect(plaintext).toHaveLength(vector.length);
    expect(encodeHex(plaintext)).toMatch(new RegExp(`^${vector.beginning}`));
    const [prefix] = /^(?:xn0_|n)/.exec(vector.id)!;
    const again = sealer.seal(plaintext, prefix, vector.id.split('-').slice(1).join('-'));
    expect(again.id).toBe(id);
    expect(again.bytes).toHaveLength(decodeHex(vector.sealed)!.length);
    expect(sealer.open(again.id, again.bytes)).toEqual(plaintext);
  });
});

describe('a sealed blob', () => {
  const plaintext = encodeUtf8('an index, let us say');

  it('is named without a dash if it has no suffix', async () => {
    const sealer = await createSealer();
    const { id, bytes } = sealer.seal(plaintext, 'm', '');
    expect(id).toMatch(/^m[0-9a-f]{32}$/);
    expect(sealer.open(id, bytes)).toEqual(plaintext);
  });

  it('has the whole of a long hash in its name and opens under the end of it', async () => {
    const sealer = await createSealer(nativeAlgorithms(), SMALL_SECRETS, 'BLAKE2B-256');
    const { id, bytes } = sealer.seal(plaintext, 'xn3_', 's1-c1');
    expect(id).toMatch(/^xn3_[0-9a-f]{64}-s1-c1$/);
    expect(sealer.open(id, bytes)).toEqual(plaintext);
  });

  it('survives damage where the repository has error correction', async () => {
    const sealer = await createSealer(nativeAlgorithms(), SMALL_SECRETS, 'BLAKE2B-256-128', 10);
    const { id, bytes } = sealer.seal(plaintext, 'n', 's1');
    bytes[7]! ^= 1;
    expect(sealer.open(id, bytes)).toEqual(plaintext);
  });

  it('is CORRUPT_DATA naming the blob when a byte or its name is changed', async () => {
    const sealer = await createSealer();
    const { id, bytes } = sealer.seal(plaintext, 'n', 's1');
    const other = parseBlobID(`n${'0'.repeat(32)}-s1`);
    const cut = bytes.subarray(0, 10);
    for (const [name, data] of [
      [id, bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte))],
      [id, cut],
      [id, new Uint8Array()],
      [other, bytes],
    ] as const) {
      expect(() => sealer.open(name, data)).toThrow(
        expect.objectContaining({ code: 'CORRUPT_DATA', facts: { blobID: name } }),
      );
    }
  });

  it('is CORRUPT_DATA when its name holds no hash', async () => {
    const sealer = await createSealer();
    for (const name of [
      'n',
      'n12-s1',
      `nABCDEF${'0'.repeat(26)}`,
      'n-0123456789abcdef0123456789abcdef',
    ]) {
      expect(() => sealer.open(parseBlobID(name), new Uint8Array(50))).toThrow(
        /no hash in its name/,
      );
    }
  });

  it('is CORRUPT_DATA when the end of its hash is right and the rest is not', async () => {
    const sealer = await createSealer(nativeAlgorithms(), SMALL_SECRETS, 'BLAKE2B-256');
    const { id, bytes } = sealer.seal(plaintext, 'n', 's1');
    const first = id[1] === '0' ? '1' : '0';
    const renamed = parseBlobID(`n${first}${id.slice(2)}`);
    expect(() => sealer.open(renamed, bytes)).toThrow(/do not hash to its name/);
  });
});
