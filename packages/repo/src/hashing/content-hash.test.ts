import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Algorithms } from '../algorithms.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../bytes.ts';
import { errorCode } from '../errors.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import { HASH_NAMES, type HashName } from './content-hash.ts';

type Vectors = Record<HashName, Record<string, Record<string, string> | null>>;

const VECTORS_FILE = new URL('../../../../test/fixtures/vectors/hashes.json', import.meta.url);
const VECTORS = (JSON.parse(readFileSync(VECTORS_FILE, 'utf8')) as { hashes: Vectors }).hashes;

const NAMES_WITH_BOUNDED_SECRETS = HASH_NAMES.filter((name) =>
  Object.values(VECTORS[name]).includes(null),
);

/** The hash of `hello kopia format\n` in one real repository per algorithm: secret, hash. */
const REPOSITORIES: Record<HashName, readonly [string, string]> = {
  'BLAKE2B-256-128': [
    '81e4aeb17277dd7d2f23514ad63810fc275602630b2b355e79b02692cc1beb2a',
    '71cb541d5bc33b2777d6f1a144eb87ff',
  ],
  'BLAKE2B-256': [
    'ff5d4f212c7fba7a7ed0dbff212f2afbad7aed8c05758b2a3d3129e6ec07947a',
    '299fcf05dc0404b82722ba5d94275bb003c43880cfb842bee7fce04567293b44',
  ],
  'BLAKE2S-128': [
    'df65fdfb01521b6fda25b19507bb5f035e99968e3820271d19deac8919673338',
    '054846657c5388529901ca2d5a4b4b6a',
  ],
  'BLAKE2S-256': [
    'edb6fbd1dc736ff888eaff50a2107a08d3601f070dbb0a906b18905620be37c9',
    'ec88e8465277a944323485be481f6c205a3bb3945ff021fbdb2e980a8efb5ca2',
  ],
  'BLAKE3-256-128': [
    '0571a9c7e0069ae841461f5bb8e448fb6f69a3730dfe723783b2ac1854938803',
    'fbdfc15894ca2a02580d83c966c6259f',
  ],
  'BLAKE3-256': [
    '4fc509c2848528b4a64b8eab26b8fcd38e54c07f5acd699e8341dcec6dd5aef4',
    'c5417ea227533eabbf85fc6afc160c76f1b9b8a5a83f84f7713374a3e9beb57b',
  ],
  'HMAC-SHA224': [
    '61adda57dc091f8f635cbb91079372c5589d0218ffb358d99d0adac3aed3fc08',
    '4172510317c1a1addd679d1442fe825ea92e13ed07ca2f03d828ccfb',
  ],
  'HMAC-SHA256': [
    'ee7f34c0bd62453ae5c2c785dae0a8506a83d3b022c5b1533c184ca986cc5576',
    'd0b136e84ccaf926c6bafeea9220b167621fb82a7c51229437dbc634caf94458',
  ],
  'HMAC-SHA256-128': [
    'b6a16731ae863861ee9b506bf387320c164d1ce1a4e5ef315dff1a8cc30d7569',
    'bcdcd583e318ffa7d324abde8e416798',
  ],
  'HMAC-SHA3-224': [
    '734da5687819acd8435610d31451b7a89dd50d1ed9ec15f797bb681f61945d24',
    '46e26c0adbef010f2043549e9d449f0404ec9ef8331b724c49892e9a',
  ],
  'HMAC-SHA3-256': [
    '57d9a93ac06ee480443e11a4e66201648c7461eb760845db782d9fca0e675399',
    'ba83949398b3ea1eba7ffe3fafc0a5ea2702cefbc0a3d2df4a3f5161ac7d77f6',
  ],
};

const PAGE_LENGTH = 65536;
const SHARED_DATA_OFFSET = 3 * PAGE_LENGTH;

function memory(shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 128, maximum: 128, shared });
}

const sharedMemory = memory(true);
const plainMemory = memory(false);

/** One way of hashing: an implementation, and where the data lies when it is given to it. */
interface Setup {
  readonly algorithms: Algorithms;
  readonly place: (data: Uint8Array, area?: number) => Uint8Array;
}

/** Puts data at odd addresses of a memory, in one of two areas. */
function placeIn({ buffer }: WebAssembly.Memory): Setup['place'] {
  return (data, area = 0) => {
    const view = new Uint8Array(buffer, SHARED_DATA_OFFSET + area * 0x300000 + 5, data.length);
    view.set(data);
    return view;
  };
}

function placeInSharedBuffer(data: Uint8Array): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(data.length + 3), 3);
  view.set(data);
  return view;
}

const asItIs: Setup['place'] = (data) => data;
const portable = portableAlgorithms();
const inSharedMemory = nativeAlgorithms({ memory: sharedMemory, scratchOffset: 4096 });
const inPlainMemory = nativeAlgorithms({ memory: plainMemory });

const SETUPS: readonly (readonly [string, Setup])[] = [
  ['portable', { algorithms: portable, place: asItIs }],
  ['portable, data in shared memory', { algorithms: portable, place: placeInSharedBuffer }],
  ['native', { algorithms: nativeAlgorithms(), place: asItIs }],
  [
    'native, in place in shared memory',
    { algorithms: inSharedMemory, place: placeIn(sharedMemory) },
  ],
  ['native, copied to shared memory', { algorithms: inSharedMemory, place: asItIs }],
  [
    'native, from another shared memory',
    { algorithms: inSharedMemory, place: placeInSharedBuffer },
  ],
  ['native, in place in plain memory', { algorithms: inPlainMemory, place: placeIn(plainMemory) }],
];

const secretOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 7 * i + 3);
const PATTERN = new Uint8Array(5 << 20);
for (let i = 0; i < PATTERN.length; i++) PATTERN[i] = i % 251;
const dataOf = (length: number): Uint8Array => PATTERN.subarray(0, length);

describe.each(SETUPS)('%s', (_, { algorithms, place }) => {
  it.each(HASH_NAMES)('%s names a content as a repository of Kopia does', async (name) => {
    const [secret, hash] = REPOSITORIES[name];
    const contentHash = await algorithms.createHash(name, decodeHex(secret)!);
    const data = place(encodeUtf8('hello kopia format\n'));
    expect(encodeHex(contentHash.hash(data))).toBe(hash);
    expect(contentHash.outputLength).toBe(hash.length / 2);
    expect(contentHash.name).toBe(name);
  });

  it.each(HASH_NAMES)('%s equals that of Kopia for any lengths', async (name) => {
    const computed: Vectors[HashName] = {};
    for (const [secretLength, hashes] of Object.entries(VECTORS[name])) {
      if (hashes === null) {
        computed[secretLength] = null;
        continue;
      }
      const contentHash = await algorithms.createHash(name, secretOf(Number(secretLength)));
      const lengths = Object.keys(hashes);
      computed[secretLength] = Object.fromEntries(
        lengths.map((length) => [
          length,
          encodeHex(contentHash.hash(place(dataOf(Number(length))))),
        ]),
      );
    }
    expect(computed).toEqual(VECTORS[name]);
  });

  it.each(NAMES_WITH_BOUNDED_SECRETS)('%s refuses the secrets that Kopia refuses', async (name) => {
    const refused = Object.entries(VECTORS[name]).filter(([, hashes]) => hashes === null);
    const codes = refused.map(([length]) =>
      algorithms.createHash(name, secretOf(Number(length))).catch(errorCode),
    );
    expect(await Promise.all(codes)).toEqual(refused.map(() => 'INVALID_ARGUMENT'));
  });

  it.each(HASH_NAMES)(
    '%s returns fresh bytes and keeps its own copy of the secret',
    async (name) => {
      const secret = secretOf(32);
      const contentHash = await algorithms.createHash(name, secret);
      for (const data of [place(dataOf(0)), place(dataOf(100))]) {
        const first = contentHash.hash(data);
        const expected = first.slice();
        expect(first.constructor).toBe(Uint8Array);
        first.fill(0);
        secret.fill(0);
        expect(contentHash.hash(data)).toEqual(expected);
      }
    },
  );

  it('hashes of several repositories do not disturb each other', async () => {
    const names = HASH_NAMES.flatMap((name) => [name, name]);
    const hashes = await Promise.all(
      names.map((name, i) => algorithms.createHash(name, secretOf(16 + (i % 2) * 16))),
    );
    const data = place(dataOf(3000));
    const first = hashes.map((hash) => encodeHex(hash.hash(data)));
    expect(hashes.toReversed().map((hash) => encodeHex(hash.hash(data)))).toEqual(
      first.toReversed(),
    );
  });
});

/** Every length up to 300, and those where blocks, chunks, groups and staged pieces end. */
const LENGTHS = [
  ...Array.from({ length: 301 }, (_, i) => i),
  ...[512, 1024, 2048, 3072, 4096, 5120, 8192, 16384, 32768, 65536, 131072, 196608, 262144].flatMap(
    (length) => [-65, -64, -1, 0, 1, 63, 64, 127, 128, 129].map((step) => length + step),
  ),
  1_000_003,
  (2 << 20) + 1,
  3 << 20,
];

/** Data without a pattern that a defect in ordering could hide in. */
const NOISE = new Uint8Array(4 << 20);
for (let i = 0, state = 1; i < NOISE.length; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  NOISE[i] = state >>> 24;
}

describe('native against portable', () => {
  const native = inSharedMemory;
  const place = placeIn(sharedMemory);

  it.each(HASH_NAMES)('%s agrees at every boundary, in place and copied', async (name) => {
    const reference = await portable.createHash(name, secretOf(32));
    const contentHash = await native.createHash(name, secretOf(32));
    for (const length of LENGTHS) {
      const data = NOISE.subarray(length % 7, (length % 7) + length);
      const expected = encodeHex(reference.hash(data));
      expect(encodeHex(contentHash.hash(data)), `copied, ${length}`).toBe(expected);
      expect(encodeHex(contentHash.hash(place(data))), `in place, ${length}`).toBe(expected);
    }
  });

  it.each(['BLAKE2B-256', 'BLAKE2B-256-128'] as const)(
    '%s of two contents at once equals one after the other',
    async (name) => {
      const contentHash = await native.createHash(name, secretOf(32));
      const length = fc.oneof(
        fc.constantFrom(...LENGTHS.filter((length) => length <= 300_000)),
        fc.nat({ max: 1024 }),
      );
      const where = fc.constantFrom('copied', 'in place');
      const check = (lengthA: number, lengthB: number, whereA: string, whereB: string): void => {
        const a = NOISE.subarray(1, 1 + lengthA);
        const b = NOISE.subarray(1000, 1000 + lengthB);
        const pair = contentHash.hashPair!(
          whereA === 'copied' ? a : place(a, 0),
          whereB === 'copied' ? b : place(b, 1),
        );
        expect(pair.map(encodeHex)).toEqual(
          [a, b].map((data) => encodeHex(contentHash.hash(data))),
        );
      };
      fc.assert(fc.property(length, length, where, where, check), { numRuns: 500 });
      for (const same of LENGTHS) {
        check(same, same, 'in place', 'in place');
        check(same, same, 'copied', 'copied');
      }
    },
  );

  it('hashes any number of messages together as it does one by one', async () => {
    const contentHash = await native.createHash('BLAKE2B-256-128', secretOf(32));
    const length = fc.oneof(fc.constantFrom(...LENGTHS), fc.nat({ max: 1024 }));
    // The first two lie where the kernel reads, as many as there are places for.
    const check = (lengths: readonly number[], placed: number): void => {
      const batch = lengths.map((length, index) => {
        const data = NOISE.subarray(index, index + length);
        return index < placed ? place(data, index === 0 ? 0 : 1) : data;
      });
      expect(contentHash.hashAll!(batch).map(encodeHex)).toEqual(
        batch.map((data) => encodeHex(contentHash.hash(data))),
      );
    };
    const batches = fc.array(length, { maxLength: 9 });
    fc.assert(fc.property(batches, fc.nat({ max: 2 }), check), { numRuns: 200 });
  });

  it('hashes a pair without a key', async () => {
    const contentHash = await native.createHash('BLAKE2B-256', new Uint8Array(0));
    for (const length of [0, 1, 128, 129, 1000]) {
      const data = dataOf(length);
      const hash = contentHash.hash(data);
      expect(contentHash.hashPair!(data, data)).toEqual([hash, hash]);
    }
  });

  it('accepts the same bytes twice as a pair', async () => {
    const contentHash = await native.createHash('BLAKE2B-256', secretOf(32));
    const data = place(dataOf(5000));
    const hash = contentHash.hash(data);
    expect(contentHash.hashPair!(data, data)).toEqual([hash, hash]);
  });
});
