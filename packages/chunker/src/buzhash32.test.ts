import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { BUZHASH32_TABLE } from './buzhash32-table.ts';
import { buzhash32 } from './buzhash32.ts';

const ASCENDING = Uint8Array.from({ length: 256 }, (_, index) => index);

it('uses the table of Kopia, word for word', () => {
  const bytes = new DataView(new ArrayBuffer(1024));
  BUZHASH32_TABLE.forEach((word, index) => bytes.setUint32(4 * index, word));
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(
    '9f95254df5585a4957a754ceac4fba2a8af24ad015e84f56db59dfc1e218f6dd',
  );
});

it('hashes windows to the values of Kopia', () => {
  expect(buzhash32(ASCENDING, 0)).toBe(0xd9b0c9cf);
  expect(buzhash32(ASCENDING, 0xc0)).toBe(0x42737eb7);
});

it('hashes a window of one repeated byte to zero, whatever the byte', () => {
  for (let byte = 0; byte < 256; byte++) {
    expect(buzhash32(new Uint8Array(64).fill(byte), 0)).toBe(0);
  }
});
