import { createHash } from 'node:crypto';
import { constants, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMPRESSION_SAMPLES, randomBytes } from '../../../../test/compression-samples.ts';
import { concatBytes, decodeHex, encodeUtf8, equalBytes } from '../bytes.ts';
import { hasCode } from '../errors.ts';
import { createNativeCompressors } from '../node/native-compressors.ts';
import { COMPRESSION_HEADER_IDS, type Compressor, type CompressorName } from './compressor.ts';
import { crc32 } from './crc32.ts';
import { createCompressorTable, type CompressorTable } from './compressor-table.ts';
import { createPortableCompressors } from './portable-compressors.ts';

const platforms = {
  portable: createPortableCompressors(),
  native: createNativeCompressors(),
} as const;
const names = Object.keys(COMPRESSION_HEADER_IDS) as CompressorName[];
const allDecoders = Object.entries(platforms).flatMap(([platform, table]) =>
  names.map((name) => ({ platform, name, compressor: table.byName(name) })),
);
/** One compressor for each format and decoder. */
const distinctDecoders = allDecoders.filter(({ name }) =>
  ['gzip', 'deflate-default', 'zstd', 's2-better'].includes(name),
);

// Written by Kopia: the header ID, then the stream, of the thirty lines `NAME line <i mod 7>`.
const KOPIA_STREAMS: Partial<Record<CompressorName, string>> = {
  gzip: '000010001f8b08000000000000ff4aafca2c50c8c9cc4b5530e042b00d91d846486c6324b60912db14896dc6356a26a69980000000ffff713c7e4768010000',
  pgzip:
    '000013001f8b080000096e8800ff2a48afca2c50c8c9cc4b5530e042e21822738c9039c6c81c13648e2932c78c6bd468a28d06000000ffff03008f84f52886010000',
  'deflate-default':
    '000015004a494dcb492c49d54d494d4b2ccd2951c8c9cc4b5530e0c22a6c885dd808bbb031766113ecc2a6d885cdb8461d38ea401407020600',
  zstd: '0000110028b52ffd44006800f50100a2c20911b00703f7751fd398f7f6941480dd7c4701649abb9ce62ea7b9cb69ee7244252084a1004671041da810f0fb19e0d501101ef10304dfe79e839d021b9ccc12',
  'zstd-fastest':
    '0000110128b52ffd440058017d020022430b12b0c700f76aef326a33af4e49d2636777aa84e39e15dd3d2bba7b5674f7ace89e92621005492c89c1000889471d28e0e50110fe153f724c8e8963724c0e2bc7e4983826b85b76b9c281cd04f8273e62',
  's2-better':
    '00001201ff06000053327354774f003f00000a8c05e6fe034073322d626574746572206c696e6520300a3a1100003115000800321500080033150008003415000800351500080036150008117719006c00',
};

function compress(compressor: Compressor, data: Uint8Array): Uint8Array {
  if (compressor.compress === undefined) throw new Error(`${compressor.name} is read only`);
  return compressor.compress(data);
}

/** The code of the failure, or the bytes. */
function attempt(compressor: Compressor, stream: Uint8Array, maxLength: number): unknown {
  try {
    return compressor.decompress(stream, maxLength, 'a test');
  } catch (error) {
    if (!hasCode(error, 'CORRUPT_DATA')) throw error;
    return 'CORRUPT_DATA';
  }
}

function inflates(table: CompressorTable, stream: Uint8Array, data: Uint8Array): boolean {
  return equalBytes(
    table.byName('deflate-default').decompress(stream, data.length, 'a test'),
    data,
  );
}

describe.each(allDecoders)('$name ($platform)', ({ name, compressor }) => {
  it('is found by name and by header ID', () => {
    expect(compressor.name).toBe(name);
    expect(compressor.headerID).toBe(COMPRESSION_HEADER_IDS[name]);
    for (const table of Object.values(platforms)) {
      expect(table.byHeaderID(compressor.headerID)?.name).toBe(name);
    }
  });

  const fromKopia = KOPIA_STREAMS[name];
  it.runIf(fromKopia !== undefined)('reads what Kopia wrote', () => {
    const content = decodeHex(fromKopia ?? '')!;
    expect(new DataView(content.buffer).getUint32(0)).toBe(compressor.headerID);
    const expected = encodeUtf8(
      Array.from({ length: 30 }, (_, i) => `${name} line ${i % 7}\n`).join(''),
    );
    const data = compressor.decompress(content.subarray(4), expected.length, 'a test');
    expect(data).toEqual(expected);
  });

  it.runIf(compressor.compress !== undefined)('is read back by both platforms', () => {
    for (const [sample, data] of COMPRESSION_SAMPLES) {
      const stream = compress(compressor, data);
      for (const [platform, table] of Object.entries(platforms)) {
        const read = table.byName(name).decompress(stream, data.length, sample);
        const equal = equalBytes(read, data);
        expect({ sample, platform, equal }).toEqual({ sample, platform, equal: true });
      }
    }
  });
});

describe('compressor tables', () => {
  it('cannot write lz4, nor zstd without Node', () => {
    const readOnly = (table: (typeof platforms)['portable']): string[] =>
      names.filter((name) => table.byName(name).compress === undefined);
    expect(readOnly(platforms.native)).toEqual(['lz4']);
    expect(readOnly(platforms.portable)).toEqual([
      'zstd',
      'zstd-fastest',
      'zstd-better-compression',
      'zstd-best-compression',
      'lz4',
    ]);
  });

  it('know no other header IDs and refuse what they do not hold', () => {
    expect(platforms.native.byHeaderID(0)).toBeUndefined();
    expect(platforms.native.byHeaderID(0x1600)).toBeUndefined();
    expect(() => createCompressorTable([]).byName('gzip')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });
});

describe.each(distinctDecoders)(
  'a damaged stream for $name ($platform)',
  ({ name, compressor }) => {
    const data = encodeUtf8('A line of text, and another one of another length.\n'.repeat(40));
    const noise = randomBytes(300, 5);
    const streams = [data, noise, new Uint8Array(5000)].map((plain) => ({
      plain,
      stream: compress(platforms.native.byName(name), plain),
    }));

    it('is CORRUPT_DATA and says what was read', () => {
      expect(() => compressor.decompress(new Uint8Array(20), 100, 'content k123')).toThrow(
        expect.objectContaining({
          code: 'CORRUPT_DATA',
          message: expect.stringMatching(/^content k123: /) as string,
        }),
      );
      expect(attempt(compressor, new Uint8Array(0), 100)).toBe('CORRUPT_DATA');
    });

    it('is recognised when it is cut anywhere', () => {
      for (const { plain, stream } of streams) {
        for (let length = 0; length < stream.length; length++) {
          // A cut between two S2 chunks leaves a whole, shorter stream.
          if (name === 's2-better' && length === 10) continue;
          expect(attempt(compressor, stream.subarray(0, length), plain.length)).toBe(
            'CORRUPT_DATA',
          );
        }
      }
    });

    it('is recognised when something follows', () => {
      for (const { plain, stream } of streams) {
        for (const garbage of [[0], [0, 0, 0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
          const longer = concatBytes([stream, Uint8Array.from(garbage)]);
          expect(attempt(compressor, longer, 2 * plain.length)).toBe('CORRUPT_DATA');
        }
      }
    });

    it('never yields more than the bound', () => {
      for (const { plain, stream } of streams) {
        for (const bound of [0, 1, plain.length - 1]) {
          expect(attempt(compressor, stream, bound)).toBe('CORRUPT_DATA');
        }
      }
    });

    it('never yields other bytes, unless the format has no checksum', () => {
      const hasChecksum = name !== 'deflate-default';
      const changed = fc.check(
        fc.property(
          fc.constantFrom(...streams),
          fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
          ({ plain, stream }, changes) => {
            const damaged = stream.slice();
            for (const [at, value] of changes) damaged[at % damaged.length] = value;
            const result = attempt(compressor, damaged, plain.length);
            if (!(result instanceof Uint8Array)) return result === 'CORRUPT_DATA';
            // An S2 chunk whose type became a skippable one is left out: only the length tells.
            const isComplete = hasChecksum && result.length === plain.length;
            return result.length <= plain.length && (!isComplete || equalBytes(result, plain));
          },
        ),
        { numRuns: 3000 },
      );
      expect(changed.counterexample).toBeNull();
    });

    it('may be any bytes', () => {
      const answered = fc.check(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
          streams.every(({ stream }) => {
            const headed = concatBytes([stream.subarray(0, 12), bytes]);
            const result = attempt(compressor, headed, 10_000);
            return result instanceof Uint8Array
              ? result.length <= 10_000
              : result === 'CORRUPT_DATA';
          }),
        ),
        { numRuns: 1000 },
      );
      expect(answered.counterexample).toBeNull();
    });
  },
);

describe.each(Object.entries(platforms))('%s decompression', (_, table) => {
  it('takes gzip streams of several members and with every header field', () => {
    const parts = [encodeUtf8('first '), encodeUtf8('second')];
    const members = concatBytes(parts.map((part) => gzipSync(part)));
    expect(table.byName('pgzip').decompress(members, 12, 'a test')).toEqual(concatBytes(parts));
    const deflated = deflateRawSync(parts[0]!);
    const trailer = gzipSync(parts[0]!).subarray(-8);
    // All optional fields: extra `ab`, name `n`, comment `c` and the CRC of the header.
    const header = decodeHex('1f8b081e000000000003020061626e006300')!;
    const headerCrc = Uint8Array.of(crc32(header), crc32(header) >> 8);
    const withFields = concatBytes([header, headerCrc, deflated, trailer]);
    expect(table.byName('gzip').decompress(withFields, 6, 'a test')).toEqual(parts[0]);
    withFields[header.length]! ^= 1;
    expect(attempt(table.byName('gzip'), withFields, 6)).toBe('CORRUPT_DATA');
  });

  it('checks the CRC and the length of a gzip stream', () => {
    const stream = gzipSync(encodeUtf8('some text'));
    for (const fromEnd of [8, 4]) {
      const damaged = Uint8Array.from(stream);
      damaged[damaged.length - fromEnd]! ^= 1;
      expect(attempt(table.byName('gzip'), damaged, 100)).toBe('CORRUPT_DATA');
    }
  });

  it('takes zstd frames of every level and window, several of them, and skippable ones', () => {
    const data = COMPRESSION_SAMPLES.get('mixed')!;
    const skippable = decodeHex('5a2a4d1803000000010203')!;
    for (const level of [-7, 1, 4, 8, 12, 16, 19, 22]) {
      const frame = zstdCompressSync(data, {
        params: {
          [constants.ZSTD_c_compressionLevel]: level,
          [constants.ZSTD_c_checksumFlag]: level & 1,
          [constants.ZSTD_c_windowLog]: level > 15 ? 27 : 0,
        },
      });
      const stream = concatBytes([skippable, frame, frame]);
      const read = table.byName('zstd').decompress(stream, 2 * data.length, 'a test');
      const equal = equalBytes(read, concatBytes([data, data]));
      expect({ level, equal }).toEqual({ level, equal: true });
    }
  });

  it('checks the checksum of a zstd frame', () => {
    const stream = Uint8Array.from(
      zstdCompressSync(encodeUtf8('some text'), { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
    );
    stream[stream.length - 1]! ^= 1;
    expect(attempt(table.byName('zstd'), stream, 100)).toBe('CORRUPT_DATA');
  });

  it('takes DEFLATE streams of every strategy', () => {
    for (const data of COMPRESSION_SAMPLES.values()) {
      for (const strategy of [constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FIXED]) {
        const stream = deflateRawSync(data, { strategy });
        expect(inflates(table, stream, data)).toBe(true);
      }
      const stored = deflateRawSync(data, { level: 0 });
      expect(inflates(table, stored, data)).toBe(true);
    }
  });

  it('stops a bomb at the bound without holding what it would hold', () => {
    const bomb = new Uint8Array(64 << 20);
    for (const name of ['gzip', 'deflate-default', 'zstd', 's2-default'] as const) {
      const stream = compress(platforms.native.byName(name), bomb);
      const started = performance.now();
      expect(attempt(table.byName(name), stream, 1 << 20)).toBe('CORRUPT_DATA');
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });

  it('reads from and writes to shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(5000));
    shared.set(COMPRESSION_SAMPLES.get('text')!.subarray(0, 5000));
    for (const name of ['gzip', 'deflate-best-speed', 's2-default', 's2-better'] as const) {
      const stream = compress(table.byName(name), shared);
      const sharedStream = new Uint8Array(new SharedArrayBuffer(stream.length));
      sharedStream.set(stream);
      const read = table.byName(name).decompress(sharedStream, 5000, name);
      expect(createHash('sha256').update(read).digest('hex')).toBe(
        createHash('sha256').update(Uint8Array.from(shared)).digest('hex'),
      );
    }
  });
});

describe('portable gzip', () => {
  it('writes equal bytes for equal data at any time', () => {
    const stream = compress(platforms.portable.byName('gzip'), encodeUtf8('text'));
    expect(stream.subarray(4, 8)).toEqual(new Uint8Array(4));
  });
});
