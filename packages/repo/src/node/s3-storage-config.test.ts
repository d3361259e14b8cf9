import { expect, it } from 'vitest';

import { parseBlobID } from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import { parseS3StorageConfig, storageClassOf } from './s3-storage-config.ts';

it('takes the class of the first prefix that matches', () => {
  const config = parseS3StorageConfig(
    encodeUtf8(
      '{"blobOptions":[{"prefix":"p","storageClass":"STANDARD_IA"},{"prefix":"pq","storageClass":"GLACIER"},{"storageClass":"ONEZONE_IA"}]}\n',
    ),
  );
  expect(storageClassOf(config, parseBlobID('pq1'))).toBe('STANDARD_IA');
  expect(storageClassOf(config, parseBlobID('n1'))).toBe('ONEZONE_IA');
});

it('leaves the class to the bucket if nothing matches or nothing is said', () => {
  const none = parseS3StorageConfig(encodeUtf8('{}'));
  expect(storageClassOf(none, parseBlobID('p1'))).toBeUndefined();
  const empty = parseS3StorageConfig(encodeUtf8('{"blobOptions":[{"prefix":"p"}]}'));
  expect(storageClassOf(empty, parseBlobID('p1'))).toBeUndefined();
});

it.each([
  '',
  '[]',
  'null',
  '{"blobOptions":{}}',
  '{"blobOptions":[1]}',
  '{"blobOptions":[{"prefix":1}]}',
  '{"blobOptions":[{"storageClass":[]}]}',
])('refuses %j', (text) => {
  expect(() => parseS3StorageConfig(encodeUtf8(text))).toThrow(/^\.storageconfig: /);
});
