import { describe, expect, it } from 'vitest';
import { isRootPath, parentPath, pathAndParents, relativePathBelow } from './policy-paths.ts';

describe('paths of policies', () => {
  it.each([
    ['/a/b', '/a'],
    ['/a', '/'],
    ['/', '/'],
    ['/a/b/', '/a'],
    ['C:\\a\\b', 'C:\\a'],
    ['C:\\a', 'C:\\'],
    ['C:\\', 'C:\\'],
    ['C:/a', 'C:/'],
    ['\\\\server\\share', '\\\\server'],
    ['rel/ative', 'rel'],
    ['relative', 'relative'],
  ])('the parent of %s is %s', (path, parent) => {
    expect(parentPath(path)).toBe(parent);
  });

  it('lead up to the root', () => {
    expect(pathAndParents('/a/b')).toEqual(['/a/b', '/a', '/']);
    expect(pathAndParents('C:\\a')).toEqual(['C:\\a', 'C:\\']);
    expect(pathAndParents('x')).toEqual(['x']);
  });

  it.each([
    ['/a', '/a/b/c', 'b/c'],
    ['/', '/b', 'b'],
    ['/a', '/ab', undefined],
    ['/a', '/a', undefined],
    ['/a', '/a/', undefined],
    ['C:\\a', 'C:\\a\\b\\c', 'b/c'],
    ['/a', '/a/b\\c', 'b\\c'],
  ])('below %s, %s is %s', (parent, child, relative) => {
    expect(relativePathBelow(parent, child)).toBe(relative);
  });

  it('may be roots', () => {
    for (const root of ['/', 'C:\\', 'C:/']) expect(isRootPath(root)).toBe(true);
    for (const path of ['/a', '\\', 'C:', 'C:\\a', '']) expect(isRootPath(path)).toBe(false);
  });
});
