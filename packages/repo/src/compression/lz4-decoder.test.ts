import { describe, expect, it } from 'vitest';
import { concatBytes, decodeHex, encodeUtf8 } from '../bytes.ts';
import { BoundedOutput } from './bounded-output.ts';
import { decodeLz4 } from './lz4-decoder.ts';
import { StreamDamage } from './stream-damage.ts';
import { xxh32 } from './xxh32.ts';

const LINES = encodeUtf8(Array.from({ length: 30 }, (_, i) => `line ${i % 7}\n`).join(''));
const DIGITS = encodeUtf8('0123456789abcdef'.repeat(5000));
const FF = (count: number): string => 'ff'.repeat(count);

// Written by the reference library (lz4 1.10): all checksums and the content size on, blocks of 64 KiB.
const LINES_FRAME =
  '04224d187c40d200000000000000df2c000000716c696e6520300a07001231070012320700123307001234070012350700123607000f310084506e6520310adf2bce5f00000000f47acac2';
const INDEPENDENT_FRAME = `04224d187c408038010000000000361b010000ff01303132333435363738396162636465661000${FF(256)}d850626364656653de5e9c53000000ff01303132333435363738396162636465661000${FF(56)}90506263646566add3bb91000000001ffa8fcb`;
const LINKED_FRAME = `04224d185c4080380100000000005a1b010000ff01303132333435363738396162636465661000${FF(256)}d850626364656653de5e9c420000000f1000${FF(56)}a05062636465664b0af1ec000000001ffa8fcb`;

function hex(text: string): Uint8Array {
  const bytes = decodeHex(text.replaceAll(' ', ''));
  if (bytes === undefined) throw new Error(`not hex: ${text}`);
  return bytes;
}

function decode(stream: Uint8Array, maxLength = 1 << 20): Uint8Array {
  const output = new BoundedOutput(maxLength, stream.length);
  decodeLz4(stream, output);
  return output.finish();
}

function fails(stream: Uint8Array): boolean {
  try {
    decode(stream);
    return false;
  } catch (error) {
    return error instanceof StreamDamage;
  }
}

/** A frame without checksums, size or linked blocks, of these blocks. */
function frame(...blocks: readonly string[]): Uint8Array {
  const descriptor = hex('6040');
  const parts = [hex('04224d18'), descriptor, Uint8Array.of((xxh32(descriptor) >>> 8) & 0xff)];
  for (const block of blocks) {
    const bytes = hex(block);
    parts.push(Uint8Array.of(bytes.length, bytes.length >> 8, 0, 0), bytes);
  }
  return concatBytes([...parts, new Uint8Array(4)]);
}

describe('LZ4 frames', () => {
  it('of the reference library are read, with independent and with linked blocks', () => {
    expect(decode(hex(LINES_FRAME))).toEqual(LINES);
    expect(decode(hex(INDEPENDENT_FRAME))).toEqual(DIGITS);
    expect(decode(hex(LINKED_FRAME))).toEqual(DIGITS);
  });

  it('may follow each other and skippable ones', () => {
    const skippable = hex('5f2a4d18 03000000 010203');
    const stream = concatBytes([skippable, hex(LINES_FRAME), skippable, hex(LINES_FRAME)]);
    expect(decode(stream)).toEqual(concatBytes([LINES, LINES]));
  });

  it('fail with any changed byte', () => {
    for (const text of [LINES_FRAME, LINKED_FRAME]) {
      const stream = hex(text);
      for (let i = 0; i < stream.length; i++) {
        for (const change of [0x01, 0x80, 0xff]) {
          const damaged = stream.slice();
          damaged[i]! ^= change;
          // The other magic numbers of that range make the frame a skippable one.
          if (i === 0 && (damaged[0]! & 0xf0) === 0x50) continue;
          expect(fails(damaged)).toBe(true);
        }
      }
    }
  });

  it('fail when cut anywhere and when something follows', () => {
    const stream = hex(LINKED_FRAME);
    for (let length = 0; length < stream.length; length++) {
      expect(() => decode(stream.subarray(0, length))).toThrow(/early/);
    }
    expect(() => decode(concatBytes([stream, hex('00000000')]))).toThrow(/no frame header/);
  });

  it('end at the bound', () => {
    expect(decode(hex(LINKED_FRAME), DIGITS.length)).toEqual(DIGITS);
    expect(() => decode(hex(LINKED_FRAME), DIGITS.length - 1)).toThrow(/more than 79999 bytes/);
    const run = `1f610100${FF(60)}00 1061`;
    expect(decode(frame(run))).toHaveLength(1 + 19 + 60 * 255 + 1);
    expect(() => decode(frame(run), 5000)).toThrow(/more than 5000 bytes/);
  });

  it.each<[string, string, RegExp]>([
    ['offset zero', '12610000 1061', /too far back/],
    ['an offset before the block', '12610200 1061', /too far back/],
    ['a literal beyond the block', '2061', /ends early/],
    ['half an offset', '106101', /ends early/],
    ['no last literals', '12610100', /ends early/],
    ['an endless length', `f0${FF(9)}`, /ends early/],
    ['more than the largest block', `1f610100${FF(300)}00 1061`, /too much/],
  ])('are damaged by %s', (_, block, problem) => {
    expect(() => decode(frame(block))).toThrow(problem);
  });
});
