import { describe, expect, it } from 'vitest';
import { parseNamePattern } from './file-pattern.ts';

describe('a name pattern', () => {
  it.each([
    ['*.log', 'a.log', true],
    ['*.log', 'a.log.gz', false],
    ['*', '', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'a😀c', true],
    ['[a-c]x', 'bx', true],
    ['[a-c]x', 'dx', false],
    ['[^a-c]x', 'dx', true],
    ['[z-a]', 'm', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['[\\]]', ']', true],
    ['a.c', 'abc', false],
    ['a+', 'aa', false],
    ['(x)', '(x)', true],
    ['line*', 'line\nbreak', true],
  ])('%j matches %j: %j', (pattern, name, expected) => {
    expect(parseNamePattern(pattern)(name)).toBe(expected);
  });

  it.each(['[', '[]', '[a', '[a-', '[a-]', '[-a]', '\\', '[^]'])('refuses %j', (pattern) => {
    expect(() => parseNamePattern(pattern)).toThrow(/malformed/u);
  });
});
