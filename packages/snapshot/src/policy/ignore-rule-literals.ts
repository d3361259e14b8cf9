import type { RuleToken } from './ignore-rule-tokens.ts';

/** Text that stands in every path that a rule matches. */
export interface LiteralParts {
  /** The path ends in it. */
  readonly suffix: string;
  /** The longest piece without a wildcard. */
  readonly longest: string;
}

/** A separator behind a double star is no such text: the two together may stand for nothing. */
export function literalParts(tokens: readonly RuleToken[]): LiteralParts {
  let run = '';
  let longest = '';
  for (const [index, token] of tokens.entries()) {
    const text = tokens[index - 1]?.kind === 'doubleStar' ? '' : literalText(token);
    run = text === '' ? '' : run + text;
    if (run.length > longest.length) longest = run;
  }
  return { suffix: run, longest };
}

function literalText(token: RuleToken): string {
  if (token.kind === 'separator') return '/';
  return token.kind === 'literal' ? String.fromCodePoint(token.codePoint) : '';
}
