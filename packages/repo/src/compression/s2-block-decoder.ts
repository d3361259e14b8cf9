import type { BoundedOutput } from './bounded-output.ts';
import { copyMatch } from './copy-match.ts';
import { S2_COPY_1_TAG, S2_COPY_2_TAG, S2_LITERAL_TAG, S2_MAX_BLOCK_LENGTH } from './s2-format.ts';
import { StreamDamage } from './stream-damage.ts';

/** Decodes one block: `uvarint length || elements`. Copies reach back to the start of the block at most. */
export function decodeS2Block(block: Uint8Array, output: BoundedOutput): void {
  const { value: length, end: start } = readBlockLength(block);
  output.reserve(length);
  const from = output.length;
  decodeElements(block, start, output.bytes, from, from + length);
  output.length = from + length;
}

function readBlockLength(block: Uint8Array): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = block[i];
    if (byte === undefined) throw new StreamDamage('block ends early');
    value |= (byte & 0x7f) << (7 * i);
    if (value > S2_MAX_BLOCK_LENGTH) break;
    if (byte < 0x80) return { value, end: i + 1 };
  }
  throw new StreamDamage('block too long');
}

/** Fills `target` from `blockStart` to `end`, exactly. */
function decodeElements(
  block: Uint8Array,
  start: number,
  target: Uint8Array,
  blockStart: number,
  end: number,
): void {
  let from = start;
  let to = blockStart;
  let offset = 0;
  while (from < block.length) {
    const tag = block[from]!;
    const kind = tag & 3;
    let length: number;
    if (kind === S2_LITERAL_TAG) {
      const lengthBytes = Math.max((tag >> 2) - 59, 0);
      length = 1 + (lengthBytes === 0 ? tag >> 2 : readUint(block, from + 1, lengthBytes));
      from += 1 + lengthBytes;
      if (length > end - to) throw new StreamDamage('block yields too much');
      if (length > block.length - from) throw new StreamDamage('block ends early');
      copyLiteral(block, from, target, to, length);
      from += length;
      to += length;
      continue;
    }
    if (kind === S2_COPY_1_TAG) {
      const distance = ((tag & 0xe0) << 3) | readUint(block, from + 1, 1);
      const shortLength = (tag >> 2) & 7;
      from += 2;
      if (distance !== 0) {
        offset = distance;
        length = 4 + shortLength;
      } else if (shortLength < 5) {
        length = 4 + shortLength;
      } else {
        // A repeat of the last offset with a length in 1, 2 or 3 bytes.
        const lengthBytes = shortLength - 4;
        const base = lengthBytes === 1 ? 8 : 4 + 2 ** (8 * (lengthBytes - 1));
        length = base + readUint(block, from, lengthBytes);
        from += lengthBytes;
      }
    } else {
      const offsetBytes = kind === S2_COPY_2_TAG ? 2 : 4;
      offset = readUint(block, from + 1, offsetBytes);
      length = 1 + (tag >> 2);
      from += 1 + offsetBytes;
    }
    if (offset === 0 || offset > to - blockStart) throw new StreamDamage('offset too far back');
    if (length > end - to) throw new StreamDamage('block yields too much');
    copyMatch(target, to, offset, length);
    to += length;
  }
  if (to !== end) throw new StreamDamage('block yields too little');
}

function copyLiteral(
  block: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  length: number,
): void {
  if (length > 64) {
    target.set(block.subarray(from, from + length), to);
  } else {
    for (let i = 0; i < length; i++) target[to + i] = block[from + i]!;
  }
}

/** Little-endian, 1 to 4 bytes. */
function readUint(block: Uint8Array, at: number, count: number): number {
  if (at + count > block.length) throw new StreamDamage('block ends early');
  switch (count) {
    case 1:
      return block[at]!;
    case 2:
      return block[at]! | (block[at + 1]! << 8);
    case 3:
      return block[at]! | (block[at + 1]! << 8) | (block[at + 2]! << 16);
    default:
      return (
        (block[at]! | (block[at + 1]! << 8) | (block[at + 2]! << 16) | (block[at + 3]! << 24)) >>> 0
      );
  }
}
