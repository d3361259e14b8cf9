import { describe, expect, it } from 'vitest';
import {
  indexObjectID,
  isDirectoryObjectID,
  makeObjectID,
  objectReference,
  parseObjectID,
} from './object-id.ts';

const HASH = '639e8367349cc0e26890eb61791e2936';

describe('an object ID', () => {
  it.each([
    [HASH, { indirection: 0, compressed: false, contentID: HASH }],
    [`k${HASH}`, { indirection: 0, compressed: false, contentID: `k${HASH}` }],
    [`Ix${HASH}`, { indirection: 1, compressed: false, contentID: `x${HASH}` }],
    [`IIk${HASH}`, { indirection: 2, compressed: false, contentID: `k${HASH}` }],
    [`Z${HASH}`, { indirection: 0, compressed: true, contentID: HASH }],
  ])('%s says what it stands for, and is made of it again', (text, reference) => {
    const id = parseObjectID(text);
    expect(id).toBe(text);
    expect(objectReference(id)).toEqual(reference);
    expect(makeObjectID(objectReference(id))).toBe(id);
  });

  it('loses the mark of the first repositories', () => {
    expect(parseObjectID(`D${HASH}`)).toBe(HASH);
    expect(parseObjectID(`ID${HASH}`)).toBe(`I${HASH}`);
    expect(parseObjectID(`ZD${HASH}`)).toBe(`Z${HASH}`);
  });

  it.each([
    '',
    'I',
    'Z',
    `IZ${HASH}`,
    `ZI${HASH}`,
    `f${HASH}`,
    `D D${HASH}`,
    `DD${HASH}`,
    `I ${HASH}`,
    HASH.slice(1),
    `${HASH}\n`,
    `kk${HASH}`,
    'k',
  ])('%j is refused', (text) => {
    expect(() => parseObjectID(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('with an I less names the index object', () => {
    expect(indexObjectID(parseObjectID(`IIx${HASH}`))).toBe(`Ix${HASH}`);
    expect(indexObjectID(parseObjectID(`x${HASH}`))).toBeUndefined();
  });

  it('of a directory has the prefix k, however deep', () => {
    expect(
      ['k', 'Ik', 'IIk'].map((start) => isDirectoryObjectID(parseObjectID(start + HASH))),
    ).toEqual([true, true, true]);
    expect(
      ['', 'Ix', 'Z', 'm'].map((start) => isDirectoryObjectID(parseObjectID(start + HASH))),
    ).toEqual([false, false, false, false]);
  });
});
