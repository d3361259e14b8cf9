import {
  FAR_OFFSET,
  hashBits,
  INPUT_MARGIN,
  MIN_FAR_MATCH_LENGTH,
  matchLength,
  S2ElementWriter,
  type S2Matcher,
} from './s2-matcher.ts';

const SHORT_HASH_BITS = 16;
const LONG_HASH_BITS = 17;
const SKIP_SHIFT = 7;
/** Every position of a short match is entered into the tables, every third one of a longer. */
const DENSE_INDEX_LENGTH = 16;
const SPARSE_INDEX_STEP = 3;

/** Two hash tables, over eight and over four bytes, and a look at the next position: `s2-better`. */
export function createBetterMatcher(): S2Matcher {
  const shortTable = new Int32Array(1 << SHORT_HASH_BITS);
  const longTable = new Int32Array(1 << LONG_HASH_BITS);
  return {
    encode(source, start, end, target, at, limit) {
      const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
      const shortShift = 32 - hashBits(end - start, SHORT_HASH_BITS);
      const longShift = 32 - hashBits(end - start, LONG_HASH_BITS);
      shortTable.fill(-1, 0, 1 << (32 - shortShift));
      longTable.fill(-1, 0, 1 << (32 - longShift));
      const writer = new S2ElementWriter(source, start, target, at, limit);
      const searchEnd = end - INPUT_MARGIN;
      let s = start;
      while (s < searchEnd) {
        const low = view.getInt32(s, true);
        const longSlot = longHash(low, view.getInt32(s + 4, true), longShift);
        const shortSlot = shortHash(low, shortShift);
        const longCandidate = longTable[longSlot]!;
        const shortCandidate = shortTable[shortSlot]!;
        longTable[longSlot] = s;
        shortTable[shortSlot] = s;
        const { lastOffset, nextEmit } = writer;

        let best = s;
        let offset = 0;
        let length = 0;
        if (lastOffset > 0) {
          // Repeats are cheap: a byte shorter than another match is still better.
          const repeated = matchLength(view, s + 1 - lastOffset, s + 1, end);
          if (repeated >= 4) {
            best = s + 1;
            offset = lastOffset;
            length = repeated;
          }
        }
        if (longCandidate >= 0 && view.getInt32(longCandidate, true) === low) {
          const found = matchLength(view, longCandidate, s, end);
          if (found > length + 1) {
            best = s;
            offset = s - longCandidate;
            length = found;
          }
        }
        if (
          length < 8 &&
          shortCandidate >= 0 &&
          shortCandidate !== longCandidate &&
          view.getInt32(shortCandidate, true) === low
        ) {
          const found = matchLength(view, shortCandidate, s, end);
          if (found > length + 1) {
            best = s;
            offset = s - shortCandidate;
            length = found;
          }
        }
        if (length >= 4 && length < 32 && best === s) {
          const next = s + 1;
          const nextLow = view.getInt32(next, true);
          const candidate = longTable[longHash(nextLow, view.getInt32(next + 4, true), longShift)]!;
          if (candidate >= 0 && view.getInt32(candidate, true) === nextLow) {
            const found = matchLength(view, candidate, next, end);
            if (found > length + 1) {
              best = next;
              offset = next - candidate;
              length = found;
            }
          }
        }
        if (length < 4) {
          s += 1 + ((s - nextEmit) >> SKIP_SHIFT);
          continue;
        }
        const matchEnd = best + length;
        while (
          best > nextEmit &&
          best - offset > start &&
          source[best - 1] === source[best - 1 - offset]
        ) {
          best--;
        }
        length = matchEnd - best;
        if (offset >= FAR_OFFSET && length < MIN_FAR_MATCH_LENGTH && offset !== lastOffset) {
          s++;
          continue;
        }
        if (!writer.match(best, offset, length)) return undefined;
        const indexEnd = Math.min(matchEnd, searchEnd);
        const step = length < DENSE_INDEX_LENGTH ? 1 : SPARSE_INDEX_STEP;
        for (let i = s + 1; i < indexEnd; i += step) {
          const word = view.getInt32(i, true);
          longTable[longHash(word, view.getInt32(i + 4, true), longShift)] = i;
          shortTable[shortHash(word, shortShift)] = i;
        }
        s = matchEnd;
      }
      return writer.finish(end);
    },
  };
}

function shortHash(word: number, shift: number): number {
  return Math.imul(word, 0x9e3779b1) >>> shift;
}

function longHash(low: number, high: number, shift: number): number {
  return (Math.imul(low, 0x9e3779b1) + Math.imul(high, 0x85ebca77)) >>> shift;
}
