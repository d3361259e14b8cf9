import { array, assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HttpFailure } from './http-failure.ts';
import { encodePath, parseRequestPath } from './resource-path.ts';

describe('the path of a request', () => {
  it.each([
    ['/', []],
    ['*', undefined],
    ['/a//b/', ['a', 'b']],
    ['/a%20b?c=d/e#f', ['a b']],
    ['/%2e%2e/a%2fb', ['..', 'a/b']],
    ['http://host:80/a/b', ['a', 'b']],
    ['http://host', []],
    ['/%ff', undefined],
    ['/%zz', undefined],
    ['a', undefined],
  ])('%s is %j', (target, path) => {
    if (path === undefined) expect(() => parseRequestPath(target)).toThrow(HttpFailure);
    else expect(parseRequestPath(target)).toEqual(path);
  });

  it('is read from what was written for it, as plain ASCII', () => {
    const name = string({ minLength: 1 }).filter((text) => text.isWellFormed());
    assert(
      property(array(name), (names) => {
        const path = encodePath(names, true);
        expect(path).toMatch(/^[\w/%.!~*'()-]+$/);
        expect(parseRequestPath(path)).toEqual(names);
      }),
    );
  });
});
