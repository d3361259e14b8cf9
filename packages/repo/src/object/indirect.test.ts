import { describe, expect, it } from 'vitest';
import { decodeUtf8, encodeHex, encodeUtf8 } from '../bytes.ts';
import { createPortableHash } from '../hashing/portable-hash.ts';
import { encodeIndexObject, parseIndexObject } from './indirect.ts';
import { parseObjectID } from './object-id.ts';

const HELLO = parseObjectID('bc392cb6dc62013ef767027e8964392e');
const LINK = parseObjectID('756863f1d2b4eec4a5a4d3c39953a17c');
const EMPTY = parseObjectID('4e51e7a913fc80137da52880fecca175');
const CHUNKS = [
  { start: 0, length: 6, objectID: HELLO },
  { start: 6, length: 9, objectID: LINK },
  { start: 15, length: 0, objectID: EMPTY },
];

/** What Kopia stores for {@link CHUNKS}. */
const STORED =
  '{"stream":"kopia:indirect","entries":[{"l":6,"o":"bc392cb6dc62013ef767027e8964392e"},' +
  '{"s":6,"l":9,"o":"756863f1d2b4eec4a5a4d3c39953a17c"},{"s":15,"o":"4e51e7a913fc80137da52880fecca175"}]}\n';

const parse = (text: string): unknown => parseIndexObject(encodeUtf8(text), 'index object');
const entries = (list: string): string => `{"stream":"kopia:indirect","entries":[${list}]}\n`;

describe('an index object', () => {
  it('is the bytes that Kopia stores, down to the content ID', async () => {
    const bytes = encodeIndexObject(CHUNKS);
    expect(decodeUtf8(bytes, 'index object')).toBe(STORED);
    const key = Uint8Array.from({ length: 32 }, (_, index) => index);
    const hash = await createPortableHash('BLAKE2B-256-128', key);
    expect(encodeHex(hash.hash(bytes))).toBe('879469f7fbc22e144a827a071e4c731a');
  });

  it('is read back as its chunks, whatever comes after its first value', () => {
    expect(parse(STORED)).toEqual(CHUNKS);
    expect(parse(`${STORED}{"more"`)).toEqual(CHUNKS);
  });

  it('may be that of another stream, as for Kopia', () => {
    expect(parse(`{"entries":[{"l":1,"o":"${HELLO}"}],"other":{"a":[1]}}`)).toEqual([
      { start: 0, length: 1, objectID: HELLO },
    ]);
  });

  it.each([
    ['no entries', entries('')],
    ['no list', '{"stream":"kopia:indirect"}'],
    ['something else than a list', '{"entries":{}}'],
    ['nothing at all', ''],
    ['half a value', STORED.slice(0, 100)],
    ['a gap', entries(`{"l":6,"o":"${HELLO}"},{"s":7,"l":1,"o":"${LINK}"}`)],
    ['an overlap', entries(`{"l":6,"o":"${HELLO}"},{"s":5,"l":1,"o":"${LINK}"}`)],
    ['a first chunk that is not at the start', entries(`{"s":1,"l":6,"o":"${HELLO}"}`)],
    ['a negative length', entries(`{"l":-6,"o":"${HELLO}"}`)],
    ['a fraction', entries(`{"l":1.5,"o":"${HELLO}"}`)],
    ['a text for a length', entries(`{"l":"6","o":"${HELLO}"}`)],
    ['a length beyond numbers', entries(`{"l":9007199254740993,"o":"${HELLO}"}`)],
    [
      'an end beyond numbers',
      entries(`{"l":9007199254740991,"o":"${HELLO}"},{"s":9007199254740991,"l":9,"o":"${LINK}"}`),
    ],
    ['an entry without an object', entries('{"l":6}')],
    ['an object that is none', entries('{"l":6,"o":"nothing"}')],
    ['an entry that is none', entries('null')],
  ])('with %s is damage', (_, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'CORRUPT_DATA' }));
  });
});
