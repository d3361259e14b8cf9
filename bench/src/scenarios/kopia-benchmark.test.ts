import { describe, expect, it } from 'vitest';
import { parseKopiaBenchmark } from './kopia-benchmark.ts';

describe("what Kopia's benchmark prints", () => {
  it('is read for hashes and ciphers', () => {
    const output = `Benchmarking hash 'BLAKE3-256' (1000 x 4096 bytes, parallelism 1)
     Hash                 Throughput
-----------------------------------------------------------------
  0. BLAKE3-256           1.6 GB / second
 10. BLAKE2S-128          174.2 MB / second
Fastest option for this machine is: --block-hash=BLAKE3-256
`;
    expect([...parseKopiaBenchmark(output)]).toEqual([
      ['BLAKE3-256', 1.6e9],
      ['BLAKE2S-128', 174_200_000],
    ]);
  });

  it('is read for splitters from the first list', () => {
    const output = `splitting 2 blocks of 4MiB each, parallelism 1
DYNAMIC-4M-BUZHASH            669.5 MB/s count:3 min:1543824 10th:1543824
FIXED                           1.7 TB/s count:2 min:4194304
-----------------------------------------------------------------
  0. FIXED                     1.7 TB     /s count:2 min:4194304
`;
    expect([...parseKopiaBenchmark(output)]).toEqual([
      ['DYNAMIC-4M-BUZHASH', 669_500_000],
      ['FIXED', 1.7e12],
    ]);
  });

  it('is read for compressors both ways', () => {
    const output = `Compressing input file "x" (8 MB) using 1 compression methods.
     Compression                Compressed   Throughput   Allocs   Memory Usage
  0. zstd-fastest               8 MB         623.4 MB/s     857      9.7 MB
Decompressing input file "x" (8 MB) using 1 compression methods.
  0. zstd-fastest               8 MB           1.5 GB/s     17       5.3 MB
`;
    expect([...parseKopiaBenchmark(output)]).toEqual([
      ['zstd-fastest', 623_400_000],
      ['zstd-fastest (decompress)', 1.5e9],
    ]);
  });
});
