import { boundedDecompress } from './bounded-decompress.ts';
import { COMPRESSION_HEADER_IDS, type Compressor, type CompressorName } from './compressor.ts';
import { createBetterMatcher } from './s2-better-matcher.ts';
import { decodeS2 } from './s2-decoder.ts';
import { encodeS2 } from './s2-encoder.ts';
import { createFastMatcher } from './s2-fast-matcher.ts';
import type { S2Matcher } from './s2-matcher.ts';

/** The S2 family. The parallel names differ in Kopia by threads, not by format or ratio. */
export function createS2Compressors(): readonly Compressor[] {
  const fast = once(createFastMatcher);
  const better = once(createBetterMatcher);
  return [
    s2Compressor('s2-default', fast),
    s2Compressor('s2-better', better),
    s2Compressor('s2-parallel-4', fast),
    s2Compressor('s2-parallel-8', fast),
  ];
}

function s2Compressor(name: CompressorName, matcher: () => S2Matcher): Compressor {
  return {
    name,
    headerID: COMPRESSION_HEADER_IDS[name],
    compress: (data) => encodeS2(data, matcher()),
    decompress: boundedDecompress('S2', decodeS2),
  };
}

/** Matchers hold up to 768 KiB of tables: built on first use, then shared. */
function once(create: () => S2Matcher): () => S2Matcher {
  let matcher: S2Matcher | undefined;
  return () => (matcher ??= create());
}
