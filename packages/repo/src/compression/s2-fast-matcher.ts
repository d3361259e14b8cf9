import {
  FAR_OFFSET,
  hashBits,
  INPUT_MARGIN,
  MIN_FAR_MATCH_LENGTH,
  matchLength,
  S2ElementWriter,
  type S2Matcher,
} from './s2-matcher.ts';

const HASH_BITS = 15;
/** Steps grow by one for so many bytes without a match: incompressible data is skimmed. */
const SKIP_SHIFT = 6;

/** One hash table over four bytes, the first match taken: `s2-default`. */
export function createFastMatcher(): S2Matcher {
  const table = new Int32Array(1 << HASH_BITS);
  return {
    encode(source, start, end, target, at, limit) {
      const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
      const shift = 32 - hashBits(end - start, HASH_BITS);
      table.fill(-1, 0, 1 << (32 - shift));
      const writer = new S2ElementWriter(source, start, target, at, limit);
      const searchEnd = end - INPUT_MARGIN;
      let s = start;
      while (s < searchEnd) {
        const word = view.getInt32(s, true);
        const slot = hash(word, shift);
        let candidate = table[slot]!;
        table[slot] = s;
        const { lastOffset, nextEmit } = writer;
        if (
          lastOffset > 0 &&
          view.getInt32(s + 1 - lastOffset, true) === view.getInt32(s + 1, true)
        ) {
          s++;
          candidate = s - lastOffset;
        } else if (candidate < 0 || view.getInt32(candidate, true) !== word) {
          s += 1 + ((s - nextEmit) >> SKIP_SHIFT);
          continue;
        }
        const offset = s - candidate;
        const matchEnd = s + 4 + matchLength(view, candidate + 4, s + 4, end);
        let matchStart = s;
        while (
          matchStart > nextEmit &&
          matchStart - offset > start &&
          source[matchStart - 1] === source[matchStart - 1 - offset]
        ) {
          matchStart--;
        }
        const length = matchEnd - matchStart;
        if (offset >= FAR_OFFSET && length < MIN_FAR_MATCH_LENGTH && offset !== lastOffset) {
          s++;
          continue;
        }
        if (!writer.match(matchStart, offset, length)) return undefined;
        s = matchEnd;
        if (s >= searchEnd) break;
        table[hash(view.getInt32(s - 2, true), shift)] = s - 2;
      }
      return writer.finish(end);
    },
  };
}

function hash(word: number, shift: number): number {
  return Math.imul(word, 0x9e3779b1) >>> shift;
}
