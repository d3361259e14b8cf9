import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoreFileRules, parseIgnoreRule } from './ignore-rules.ts';

/** The answers are those of Kopia's own matcher. */
const DECISIONS: readonly (readonly [rule: string, path: string, excluded: boolean])[] = [
  ['*.log', '/a.log', true],
  ['*.log', '/x/y/a.log', true],
  ['*.log', '/a.log2', false],
  ['/x', '/x', true],
  ['/x', '/a/x', false],
  ['a/b', '/a/b', true],
  ['a/b', '/c/a/b', false],
  ['**/a/b', '/c/d/a/b', true],
  ['**/a/b', '/a/b', true],
  ['dir/**', '/dir/a/b', true],
  ['dir/**', '/dir', false],
  ['**', '/a/b/c', true],
  ['a/**/b', '/a/b', true],
  ['a/**/b', '/a/x/y/b', true],
  ['a/*/b', '/a/x/b', true],
  ['a/*/b', '/a/x/y/b', false],
  ['/*', '/a', true],
  ['/*', '/a/b', false],
  ['a?c', '/abc', true],
  ['a?c', '/a😀c', true],
  ['/a?c', '/a/c', false],
  ['A', '/a', false],
  ['\\*', '/*', true],
  ['\\*', '/a', false],
  ['[a-c]x', '/bx', true],
  ['[!a-c]x', '/bx', false],
  ['[!a-c]x', '/dx', true],
  ['[^a]x', '/bx', false],
  ['[^a]x', '/^x', true],
  ['/a[!b]c', '/a/c', true],
  ['[]x', '/x', false],
  ['/a[!]c', '/abc', true],
  ['[a-]x', '/-x', true],
  ['[a\\]]x', '/]x', true],
  ['[[:digit:]]x', '/1x', true],
  ['![[:digit:]]x', '/1x', false],
  ['file[[:digit:]]', '/file1', false],
  ['[[:alpha:]é]', '/é', true],
  ['  a  ', '/a', true],
  ['a\\ ', '/a ', true],
  [' a', '/a', true],
  ['a ', '/a', false],
  ['', '/a', false],
  ['   ', '/a', false],
  ['!', '/a', true],
  ['!a', '/a', false],
  ['!a', '/b', true],
  // A single star reaches right behind the first separator that it meets, unless it begins at one.
  ['/a*-', '/ab/-', true],
  ['/a*-', '/ab/c-', false],
  ['/a*-', '/a/-', false],
  ['/a**-', '/ab/-', true],
  ['/a/**-', '/a/bc/-', true],
  // A run of stars at the start of the rule crosses directories whatever follows; behind `!` it does not.
  ['**x/y', '/a/bx/y', true],
  ['!**x/y', '/a/bx/y', true],
];

describe('an ignore rule', () => {
  it.each(DECISIONS)('%j decides about %s: %s', (rule, path, excluded) => {
    expect(parseIgnoreRule(rule).excludes(path, false)).toBe(excluded);
  });

  it('that ends in a slash changes nothing for what is no directory', () => {
    const rule = parseIgnoreRule('node_modules/');
    expect(rule.excludes('/a/node_modules', true)).toBe(true);
    expect(rule.excludes('/a/node_modules', false)).toBe(false);
    const negated = parseIgnoreRule('!node_modules/');
    expect(negated.negated).toBe(true);
    expect(negated.excludes('/node_modules', true)).toBe(false);
    expect(negated.excludes('/node_modules', false)).toBe(true);
  });

  it.each([
    ['*.log', '/sub/dir/a.log', true],
    ['*.log', '/sub/dir/deep/a.log', true],
    ['*.log', '/sub/a.log', false],
    ['/x', '/sub/dir/x', true],
    ['/x', '/sub/dir/y/x', false],
    ['a/b', '/sub/dir/a/b', true],
    ['a/b', '/sub/dir/c/a/b', false],
    ['**', '/sub/dir/a/b', true],
    ['**', '/sub/other', false],
  ])('%j of the directory /sub/dir decides about %s: %s', (rule, path, excluded) => {
    expect(parseIgnoreRule(rule, '/sub/dir').excludes(path, false)).toBe(excluded);
  });

  it('takes the characters of its directory literally', () => {
    const rule = parseIgnoreRule('x', '/a*[b]?');
    expect(rule.excludes('/a*[b]?/x', false)).toBe(true);
    expect(rule.excludes('/aab?/x', false)).toBe(false);
  });

  it.each(['[a', 'a\\', '[', '[a-', '[[:foo:]]', '[!', 'x[\\'])('%j is malformed', (rule) => {
    expect(() => parseIgnoreRule(rule)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('with too many wildcards is refused', () => {
    expect(() => parseIgnoreRule('*a'.repeat(1001))).toThrow(/more than 1000 wildcards/);
    expect(parseIgnoreRule('**/'.repeat(999)).negated).toBe(false);
  });

  it('takes few steps whatever it looks like', () => {
    const start = performance.now();
    const path = '/a'.repeat(100);
    for (const text of ['**/'.repeat(40) + 'b', '*a'.repeat(40) + 'b', '**/a*'.repeat(30) + 'b']) {
      expect(parseIgnoreRule(text).excludes(path, false)).toBe(false);
    }
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('excludes what its pattern says, and no more than the known latitude of a star', () => {
    const piece = fc.constantFrom('a', 'b', '*', '**', '?', '/', '/', '**/', '/**');
    const rules = fc
      .array(piece, { minLength: 1, maxLength: 6 })
      .map((pieces) => pieces.join(''))
      .filter((rule) => !rule.endsWith('/') && !rule.includes('//'));
    const names = fc.stringMatching(/^[ab]{1,3}$/);
    const paths = fc
      .array(names, { minLength: 1, maxLength: 4 })
      .map((parts) => `/${parts.join('/')}`);
    fc.assert(
      fc.property(rules, paths, (rule, path) => {
        const excluded = parseIgnoreRule(rule).excludes(path, false);
        const exact = referencePattern(rule, '[^/]*').test(path);
        const loose = referencePattern(rule, '(?:[^/]*|[^/]+/)').test(path);
        expect(excluded || !exact).toBe(true);
        expect(loose || !excluded).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });
});

/** The rule as a regular expression, with `star` for what a single star may stand for. */
function referencePattern(rule: string, star: string): RegExp {
  const isAnchored = rule.slice(0, -1).includes('/') || rule === '**';
  const anchored =
    rule.startsWith('/') || rule === '**' ? rule : isAnchored ? `/${rule}` : `**/${rule}`;
  const unanchoredRun = /^\*{2,}/.test(rule) && rule !== '**';
  const source = anchored
    .replace(/^\/(\*{2,})(?![*/]|$)/, (_, run: string) => (unanchoredRun ? '/D' : `/${run}`))
    .replace(/(?<=^|\/)\*{2,}\/(?=.)/g, 'Z')
    .replace(/(?<=^|\/)\*{2,}$/g, 'D')
    .replace(/\*+/g, 'S')
    .replaceAll('?', '[^/]')
    .replaceAll('Z', '(?:.*/)?')
    .replaceAll('D', '.*')
    .replaceAll('S', star);
  return new RegExp(`^${source}$`);
}

describe('the lines of an ignore file', () => {
  it('are rules unless they are blank or comments', () => {
    expect(ignoreFileRules('a\r\n\n# no\n \t\n  #yes\n!b\n')).toEqual(['a', '  #yes', '!b']);
  });
});
