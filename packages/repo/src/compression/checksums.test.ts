import { crc32 as nodeCrc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { createXXHash32, createXXHash64 } from 'hash-wasm';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../bytes.ts';
import { crc32 } from './crc32.ts';
import { crc32c, maskedCrc32c } from './crc32c.ts';
import { xxh32 } from './xxh32.ts';
import { xxh64Low } from './xxh64.ts';

const CHECK_INPUT = encodeUtf8('123456789');
const anyBytes = fc.uint8Array({ maxLength: 300 });

describe('checksums', () => {
  it('give the published check values', () => {
    expect(crc32(CHECK_INPUT)).toBe(0xcbf43926);
    expect(crc32c(CHECK_INPUT)).toBe(0xe3069283);
    expect(xxh32(new Uint8Array(0))).toBe(0x02cc5d05);
    expect(xxh64Low(new Uint8Array(0))).toBe(0x51d8e999);
  });

  it('mask a CRC-32C as Snappy streams do', () => {
    // 32 zero bytes: RFC 3720 gives 0x8a9136aa; rotated right by 15 and increased by 0xa282ead8.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(maskedCrc32c(new Uint8Array(32))).toBe(0x0fd7fffa);
  });

  it('agree with Node on CRC-32 for any bytes', () => {
    fc.assert(
      fc.property(anyBytes, (data) => {
        expect(crc32(data)).toBe(nodeCrc32(data));
      }),
    );
  });

  it('continue from an earlier CRC and over a part of an array', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(300), (data, at) => {
        const cut = Math.min(at, data.length);
        const head = crc32(data, 0, 0, cut);
        expect(head).toBe(crc32(data.subarray(0, cut)));
        expect(crc32(data, head, cut)).toBe(crc32(data));
      }),
    );
  });

  it('agree with hash-wasm on XXH32 and XXH64 for any bytes', async () => {
    const [reference32, reference64] = [await createXXHash32(0), await createXXHash64(0, 0)];
    fc.assert(
      fc.property(anyBytes, (data) => {
        const expected32 = reference32.init().update(data).digest('hex');
        const expected64 = reference64.init().update(data).digest('hex');
        expect(xxh32(data)).toBe(Number.parseInt(expected32, 16));
        expect(xxh64Low(data)).toBe(Number.parseInt(expected64.slice(8), 16));
      }),
    );
  });

  it('do not depend on where the bytes lie in their buffer', () => {
    const shifted = new Uint8Array(120).subarray(3);
    shifted.set(Uint8Array.from({ length: 117 }, (_, i) => i * 7));
    const aligned = shifted.slice();
    for (const checksum of [crc32, crc32c, xxh32, xxh64Low]) {
      expect(checksum(shifted)).toBe(checksum(aligned));
    }
  });
});
