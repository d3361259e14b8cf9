import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHex } from '../bytes.ts';
import { ContentIDSet } from './content-id-set.ts';
import { parseContentID, type ContentID } from './content-id.ts';

function idOf(n: number, prefix = ''): ContentID {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.imul(n, 0x9e3779b1) >>> 0);
  view.setUint32(12, n);
  return parseContentID(prefix + encodeHex(bytes));
}

describe('a set of content IDs', () => {
  it('holds what a set of strings would hold', () => {
    const few = fc.tuple(fc.nat(40), fc.constantFrom('', 'k', 'm', 'x'));
    fc.assert(
      fc.property(fc.array(few, { maxLength: 200 }), few, (added, [n, prefix]) => {
        const set = new ContentIDSet();
        const model = new Set<string>();
        for (const [number, letter] of added) {
          const id = idOf(number, letter);
          expect(set.add(id)).toBe(!model.has(id));
          model.add(id);
        }
        expect(set.size).toBe(model.size);
        expect(set.has(idOf(n, prefix))).toBe(model.has(idOf(n, prefix)));
      }),
    );
  });

  it('keeps each in less than 40 bytes', () => {
    const set = new ContentIDSet();
    const count = 200_000;
    for (let n = 0; n < count; n++) set.add(idOf(n));
    expect(set.size).toBe(count);
    expect(set.byteLength / count).toBeLessThan(40);
    for (let n = 0; n < count; n += 997) expect(set.has(idOf(n))).toBe(true);
    for (let n = count; n < count + 1000; n++) expect(set.has(idOf(n))).toBe(false);
    expect(set.has(idOf(1, 'k'))).toBe(false);
  });

  it('has no ID of another length, and takes none', () => {
    const set = new ContentIDSet();
    expect(set.has(idOf(1))).toBe(false);
    set.add(idOf(1));
    expect(set.has(parseContentID('00'))).toBe(false);
    expect(() => set.add(parseContentID('00'))).toThrow(RangeError);
  });
});
