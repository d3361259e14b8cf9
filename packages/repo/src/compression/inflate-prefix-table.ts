import { StreamDamage } from './stream-damage.ts';

/** A lookup table over the next bits of a DEFLATE stream: `symbol << 4 | code length`, 0 for an unused code. */
export interface PrefixTable {
  readonly entries: Uint16Array;
  readonly mask: number;
}

type Alphabet = 'code length' | 'literal' | 'distance';

/**
 * The canonical code with these lengths (RFC 1951, section 3.2.2), 0 to 15. A code must use its whole
 * space; as in zlib, only a literal or distance code may be empty or a single code of one bit.
 */
export function createPrefixTable(lengths: Uint8Array, alphabet: Alphabet): PrefixTable {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  const longest = counts.findLastIndex((count) => count > 0);
  const nextCode = new Uint16Array(17);
  let free = 1;
  for (let length = 1; length <= 15; length++) {
    free = 2 * free - counts[length]!;
    if (free < 0) throw new StreamDamage(`${alphabet} code is over-subscribed`);
    nextCode[length + 1] = (nextCode[length]! + counts[length]!) << 1;
  }
  if (free > 0 && (alphabet === 'code length' || longest > 1)) {
    throw new StreamDamage(`${alphabet} code is incomplete`);
  }
  const bits = Math.max(longest, 1);
  const entries = new Uint16Array(1 << bits);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol]!;
    if (length === 0) continue;
    const entry = (symbol << 4) | length;
    const step = 1 << length;
    for (let i = reverseBits(nextCode[length]!++, length); i < entries.length; i += step) {
      entries[i] = entry;
    }
  }
  return { entries, mask: entries.length - 1 };
}

function reverseBits(code: number, length: number): number {
  let reversed = 0;
  for (let i = 0; i < length; i++) reversed |= ((code >>> i) & 1) << (length - 1 - i);
  return reversed;
}
