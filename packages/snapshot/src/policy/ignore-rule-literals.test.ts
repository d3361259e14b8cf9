import { describe, expect, it } from 'vitest';
import { literalParts } from './ignore-rule-literals.ts';
import { parseRuleTokens } from './ignore-rule-tokens.ts';

describe('the literal parts of a rule', () => {
  it.each([
    ['*.log', '.log', '.log'],
    ['node_modules/', 'node_modules', 'node_modules'],
    ['/a/b', '/a/b', '/a/b'],
    ['a/**/b', 'b', '/a/'],
    ['a/*/b', '/b', '/a/'],
    ['core.*', '', 'core.'],
    ['[Tt]humbs.db', 'humbs.db', 'humbs.db'],
    ['a?c\\*', 'c*', 'c*'],
    ['😀*', '', '😀'],
    ['**', '', ''],
  ])('%j are the suffix %j and the piece %j', (rule, suffix, longest) => {
    expect(literalParts(parseRuleTokens(rule, '').tokens)).toEqual({ suffix, longest });
  });
});
