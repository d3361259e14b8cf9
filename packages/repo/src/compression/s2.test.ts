import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMPRESSION_SAMPLES, repetitiveBytes } from '../../../../test/compression-samples.ts';
import { concatBytes, decodeHex, encodeUtf8, equalBytes } from '../bytes.ts';
import { BoundedOutput } from './bounded-output.ts';
import { maskedCrc32c } from './crc32c.ts';
import { decodeS2Block } from './s2-block-decoder.ts';
import { createBetterMatcher } from './s2-better-matcher.ts';
import { decodeS2 } from './s2-decoder.ts';
import { writeCopy, writeLiteral, writeRepeat } from './s2-elements.ts';
import { encodeS2 } from './s2-encoder.ts';
import { createFastMatcher } from './s2-fast-matcher.ts';

const S2_HEADER = hex('ff060000533273 54774f');
const SNAPPY_HEADER = hex('ff060000734e6150 7059');
const matchers = { fast: createFastMatcher(), better: createBetterMatcher() };

function hex(text: string): Uint8Array {
  const bytes = decodeHex(text.replaceAll(' ', ''));
  if (bytes === undefined) throw new Error(`not hex: ${text}`);
  return bytes;
}

function chunk(type: number, ...payload: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(payload);
  return concatBytes([Uint8Array.of(type, body.length, body.length >> 8, body.length >> 16), body]);
}

function checksum(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, maskedCrc32c(data), true);
  return bytes;
}

function plainChunk(text: string): Uint8Array {
  return chunk(1, checksum(encodeUtf8(text)), encodeUtf8(text));
}

function decode(stream: Uint8Array, maxLength = 1 << 24): Uint8Array {
  const output = new BoundedOutput(maxLength, stream.length);
  decodeS2(stream, output);
  return output.finish();
}

function decodeBlock(block: Uint8Array): string {
  const output = new BoundedOutput(1 << 23, block.length);
  decodeS2Block(block, output);
  return new TextDecoder().decode(output.finish());
}

describe('S2 streams', () => {
  it('are read with either identifier, in one piece or several', () => {
    const text = 'hello';
    expect(decode(concatBytes([S2_HEADER, plainChunk(text)]))).toEqual(encodeUtf8(text));
    expect(decode(concatBytes([SNAPPY_HEADER, plainChunk(text)]))).toEqual(encodeUtf8(text));
    const twice = concatBytes([S2_HEADER, plainChunk('he'), SNAPPY_HEADER, plainChunk('llo')]);
    expect(decode(twice)).toEqual(encodeUtf8(text));
  });

  it.each([0x80, 0x99, 0xfd, 0xfe])('may hold chunks of type %i, which are skipped', (type) => {
    const stream = concatBytes([S2_HEADER, chunk(type, new Uint8Array(9)), plainChunk('data')]);
    expect(decode(stream)).toEqual(encodeUtf8('data'));
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing at all', new Uint8Array(0), /ends early/],
    ['data before the identifier', plainChunk('data'), /no stream identifier/],
    ['another identifier', chunk(0xff, encodeUtf8('S2sTwX')), /unknown stream identifier/],
    ['a short identifier', chunk(0xff, encodeUtf8('S2sTw')), /unknown stream identifier/],
    ['a reserved chunk', concatBytes([S2_HEADER, chunk(2, encodeUtf8('data'))]), /chunk type 2/],
    ['half a chunk header', concatBytes([S2_HEADER, Uint8Array.of(1, 4)]), /ends early/],
    ['half a chunk', concatBytes([S2_HEADER, plainChunk('data').subarray(0, 9)]), /ends early/],
    ['a chunk without CRC', concatBytes([S2_HEADER, chunk(1, new Uint8Array(3))]), /ends early/],
    [
      'a wrong CRC',
      concatBytes([S2_HEADER, chunk(1, checksum(encodeUtf8('date')), encodeUtf8('data'))]),
      /CRC does not match/,
    ],
    [
      'an uncompressed block above 4 MiB',
      concatBytes([S2_HEADER, chunk(1, new Uint8Array(4), new Uint8Array((4 << 20) + 1))]),
      /block too long/,
    ],
  ])('are damaged by %s', (_, stream, problem) => {
    expect(() => decode(stream)).toThrow(problem);
  });

  it('end at the bound, whatever they hold', () => {
    const stream = encodeS2(new Uint8Array(3_000_000), matchers.fast);
    expect(stream.length).toBeLessThan(200);
    expect(decode(stream, 3_000_000)).toHaveLength(3_000_000);
    expect(() => decode(stream, 2_999_999)).toThrow(/more than 2999999 bytes/);
  });
});

describe('S2 blocks', () => {
  it('repeat the last offset with lengths in zero to three bytes', () => {
    // `ab`, then a copy of 4 from offset 2, then a repeat of the length in question.
    const start = '0461620102';
    expect(decodeBlock(hex(`0a${start}0100`))).toBe('ab'.repeat(5));
    expect(decodeBlock(hex(`0e${start}1100`))).toBe('ab'.repeat(7));
    expect(decodeBlock(hex(`0e${start}150000`))).toBe('ab'.repeat(7));
    expect(decodeBlock(hex(`8a02${start}19000000`))).toBe('ab'.repeat(133));
    expect(decodeBlock(hex(`8a8004${start}1d00000000`))).toBe('ab'.repeat(32_773));
  });

  it.each<[string, string, RegExp]>([
    ['no length', '', /ends early/],
    ['an unfinished length', '80', /ends early/],
    ['a length above 4 MiB', '81808002', /too long/],
    ['an endless length', 'ffffffffffff', /too long/],
    ['a literal beyond the block', '0510', /ends early/],
    ['a literal length beyond the block', '05f4ff', /ends early/],
    ['a literal beyond the length', '020c61626364', /too much/],
    ['a copy beyond the length', '0404616209', /ends early/],
    ['a repeat before any copy', '060461620100', /too far back/],
    ['a copy from before the start', '060461620103', /too far back/],
    ['a copy with offset zero', '06046162 0e0000', /too far back/],
    ['a copy that is too long', '050461620102', /too much/],
    ['too few bytes', '07 0461620102', /too little/],
    ['half an offset', '06046162 0e02', /ends early/],
    ['half a long offset', '06046162 0f020000', /ends early/],
    ['half a repeat length', '8a02 046162 0102 1900 00', /ends early/],
  ])('are damaged by %s', (_, block, problem) => {
    expect(() => decodeBlock(hex(block))).toThrow(problem);
  });

  it('take copies and repeats of every length, near and far', () => {
    const lengths = [4, 5, 8, 9, 11, 12, 63, 64, 65, 68, 69, 263, 264, 265, 65_795, 65_796, 1e6];
    for (const offset of [1, 2047, 2048, 65_535, 65_536]) {
      for (const length of lengths) {
        const literal = repetitiveBytes(offset, offset);
        const target = new Uint8Array(offset + 64);
        let at = writeLiteral(literal, 0, offset, target, 0);
        at = writeCopy(target, at, offset, length);
        at = writeRepeat(target, at, offset, length);
        const total = offset + 2 * length;
        const header = [
          (total & 0x7f) | 0x80,
          ((total >> 7) & 0x7f) | 0x80,
          ((total >> 14) & 0x7f) | 0x80,
          total >> 21,
        ];
        const output = new BoundedOutput(total, total);
        decodeS2Block(concatBytes([Uint8Array.from(header), target.subarray(0, at)]), output);
        const expected = Uint8Array.from({ length: total }, (__, i) => literal[i % offset]!);
        const equal = equalBytes(output.finish(), expected);
        expect({ offset, length, equal }).toEqual({ offset, length, equal: true });
      }
    }
  });
});

describe.each(Object.entries(matchers))('the %s S2 encoder', (_, matcher) => {
  it.each([...COMPRESSION_SAMPLES])('gives back %s', (__, data) => {
    const stream = encodeS2(data, matcher);
    expect(equalBytes(decode(stream, data.length), data)).toBe(true);
    expect(stream.length).toBeLessThanOrEqual(
      10 + data.length + 8 * Math.ceil(data.length / 2 ** 20),
    );
  });

  it('gives back any bytes', () => {
    const symbols = fc.oneof(fc.nat(1), fc.nat(255)).map((symbol) => symbol & 0xff);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(symbols, fc.integer({ min: 1, max: 90 })), { maxLength: 60 }),
        (runs) => {
          const data = concatBytes(
            runs.map(([symbol, count]) => new Uint8Array(count).fill(symbol)),
          );
          expect(decode(encodeS2(data, matcher), data.length)).toEqual(data);
        },
      ),
    );
  });

  it('shrinks repetitive data and stores noise as it is', () => {
    const text = COMPRESSION_SAMPLES.get('text')!;
    expect(encodeS2(text, matcher).length).toBeLessThan(text.length / 100);
    const noise = COMPRESSION_SAMPLES.get('noise')!;
    expect(encodeS2(noise, matcher).length).toBe(noise.length + 18);
  });

  it('reads bytes at any place of their buffer', () => {
    const data = repetitiveBytes(50_000, 9);
    const shifted = new Uint8Array(data.length + 7).subarray(5, 5 + data.length);
    shifted.set(data);
    expect(encodeS2(shifted, matcher)).toEqual(encodeS2(data, matcher));
  });
});
