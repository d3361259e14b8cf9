import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { encodeUtf8 } from '../bytes.ts';
import { encodeIndexObject, parseIndexObject } from './indirect.ts';

const PAGE = new URL('../../../../docs/format/object.md', import.meta.url);

it('reads the index object on the format page and writes the same bytes', () => {
  const [, shown] = /```json\n([^]*?)```/.exec(readFileSync(PAGE, 'utf8'))!;
  const chunks = parseIndexObject(encodeUtf8(shown!), 'the example');
  expect(chunks).toEqual([
    { start: 0, length: 4_194_304, objectID: 'bc392cb6dc62013ef767027e8964392e' },
    { start: 4_194_304, length: 0, objectID: '4e51e7a913fc80137da52880fecca175' },
    { start: 4_194_304, length: 6, objectID: 'Z09c8e71b7f1e0e3f6d6ae2a1fd2a7e05' },
  ]);
  expect(encodeIndexObject(chunks)).toEqual(encodeUtf8(shown!));
});
