import { expect, it } from 'vitest';

import { LongshoreError } from '../errors.ts';
import { filesystemError } from './filesystem-errors.ts';

const operation = { action: 'write blob p1', path: '/backup/p1.f', blobID: 'p1' };

it.each([
  ['ENOSPC', 'NO_SPACE: cannot write blob p1: no space left on the file system: /backup/p1.f'],
  ['EDQUOT', 'NO_SPACE: cannot write blob p1: the disk quota is used up: /backup/p1.f'],
  [
    'EFBIG',
    'NO_SPACE: cannot write blob p1: the file system allows no file of this size: /backup/p1.f',
  ],
  ['EACCES', 'ACCESS_DENIED: cannot write blob p1: permission denied (EACCES): /backup/p1.f'],
  ['EPERM', 'ACCESS_DENIED: cannot write blob p1: permission denied (EPERM): /backup/p1.f'],
  [
    'EROFS',
    'READ_ONLY: cannot write blob p1: the file system is mounted for reading only: /backup/p1.f',
  ],
  [
    'ENOTDIR',
    'INVALID_ARGUMENT: cannot write blob p1: a part of the path is not a folder: /backup/p1.f',
  ],
  ['EISDIR', 'STORAGE_FAILED: cannot write blob p1: EISDIR: /backup/p1.f'],
  ['ESTALE', 'STORAGE_FAILED, retryable: cannot write blob p1: ESTALE: /backup/p1.f'],
])('says of %s: %s', (code, expected) => {
  const cause = Object.assign(new Error('from the system'), { code });
  const error = filesystemError(cause, operation);
  if (!(error instanceof LongshoreError)) throw new TypeError('not a longshore error');
  expect(`${error.code}${error.retryable ? ', retryable' : ''}: ${error.message}`).toBe(expected);
  expect(error.cause).toBe(cause);
  expect(error.facts).toEqual({ path: '/backup/p1.f', blobID: 'p1' });
});

it('leaves everything alone that does not come from the system', () => {
  for (const error of [new Error('own'), 'text', new LongshoreError('UNSUPPORTED', 'no')]) {
    expect(filesystemError(error, operation)).toBe(error);
  }
});
