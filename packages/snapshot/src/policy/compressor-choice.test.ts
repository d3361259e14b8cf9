import { describe, expect, it } from 'vitest';
import { fileCompressor, metadataCompressor } from './compressor-choice.ts';
import type { CompressionPolicy } from './policy.ts';

describe('the compressor of a file', () => {
  it.each<[CompressionPolicy, string, number, string | undefined]>([
    [{}, 'a.txt', 5, undefined],
    [{ compressorName: 'none' }, 'a.txt', 5, undefined],
    [{ compressorName: 'lz4' }, 'a.txt', 5, undefined],
    [{ compressorName: 'not-known' }, 'a.txt', 5, undefined],
    [{ compressorName: 'toString' }, 'a.txt', 5, undefined],
    [{ compressorName: 'zstd' }, 'a.txt', 0, 'zstd'],
    [{ compressorName: 'zstd', minSize: 5 }, 'a', 4, undefined],
    [{ compressorName: 'zstd', minSize: 5 }, 'a', 5, 'zstd'],
    [{ compressorName: 'zstd', maxSize: 5 }, 'a', 5, 'zstd'],
    [{ compressorName: 'zstd', maxSize: 5 }, 'a', 6, undefined],
    [{ compressorName: 'zstd', neverCompress: ['.gz'] }, 'a.tar.gz', 5, undefined],
    [{ compressorName: 'zstd', neverCompress: ['.gz'] }, 'a.GZ', 5, 'zstd'],
    [{ compressorName: 'zstd', neverCompress: ['.tar.gz'] }, 'a.tar.gz', 5, 'zstd'],
    [{ compressorName: 'zstd', neverCompress: ['.bashrc'] }, '.bashrc', 5, undefined],
    [{ compressorName: 'zstd', neverCompress: [''] }, 'Makefile', 5, undefined],
    [{ compressorName: 'zstd', onlyCompress: ['.txt'] }, 'a.bin', 5, 'zstd'],
    [{ compressorName: 'zstd', onlyCompress: ['.gz'], neverCompress: ['.gz'] }, 'a.gz', 5, 'zstd'],
    [{ compressorName: 'zstd', onlyCompress: ['.gz'], minSize: 9 }, 'a.gz', 5, undefined],
  ])('by %j for %s of %i bytes is %s', (policy, name, size, compressor) => {
    expect(fileCompressor(policy, name, size)).toBe(compressor);
  });
});

describe('the compressor of metadata', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['none', undefined],
    ['zstd-fastest', 'zstd-fastest'],
  ])('called %s is %s', (compressorName, compressor) => {
    expect(metadataCompressor({ compressorName })).toBe(compressor);
  });
});
