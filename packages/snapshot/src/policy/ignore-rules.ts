import { literalParts, type LiteralParts } from './ignore-rule-literals.ts';
import { parseRuleTokens, type RuleToken } from './ignore-rule-tokens.ts';

/** One rule of an ignore list, in Kopia's dialect of gitignore. Source: docs/format/policy.md. */
export interface IgnoreRule {
  readonly negated: boolean;
  /**
   * The decision about an entry after this rule, for a rule that is consulted: true excludes it. `path` is
   * `/` and the path relative to the snapshot root.
   */
  excludes(path: string, isDirectory: boolean): boolean;
}

/**
 * `base` is the directory whose ignore file holds the rule: empty for the snapshot root, else `/sub/dir`.
 * INVALID_ARGUMENT if the rule is malformed.
 */
export function parseIgnoreRule(text: string, base = ''): IgnoreRule {
  const { tokens, negated, directoriesOnly } = parseRuleTokens(text, base);
  const literals = literalParts(tokens);
  const doubleStars = tokens.filter(({ kind }) => kind === 'doubleStar').length;
  const matches = (path: string): boolean =>
    mayMatch(literals, path) &&
    new RuleMatch(tokens, path, doubleStars > 2).from(0, 0) === Outcome.match;
  return {
    negated,
    excludes: (path, isDirectory) =>
      directoriesOnly && !isDirectory ? negated : matches(path) !== negated,
  };
}

/** False for most paths that a rule does not match, at the price of two searches for a string. */
function mayMatch({ suffix, longest }: LiteralParts, path: string): boolean {
  return path.endsWith(suffix) && path.includes(longest);
}

/** The lines of an ignore file that hold a rule: blank lines and those that begin with `#` hold none. */
export function ignoreFileRules(content: string): readonly string[] {
  return content
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => !/^\p{White_Space}*$/u.test(line) && !line.startsWith('#'));
}

/** `abort`: no later start can match either. `abortToDoubleStar`: none within this directory can. */
const Outcome = { match: 1, noMatch: 2, abort: 3, abortToDoubleStar: 4 } as const;
type Outcome = (typeof Outcome)[keyof typeof Outcome];

/**
 * One walk of a rule's tokens over a path. What a double star at one position leads to is remembered once
 * there are several, so that no rule takes more than tokens × length² steps.
 */
class RuleMatch {
  readonly #tokens: readonly RuleToken[];
  readonly #path: string;
  readonly #outcomes: Map<number, Outcome> | undefined;

  constructor(tokens: readonly RuleToken[], path: string, remembers: boolean) {
    this.#tokens = tokens;
    this.#path = path;
    this.#outcomes = remembers ? new Map() : undefined;
  }

  from(firstToken: number, start: number): Outcome {
    const path = this.#path;
    let position = start;
    for (let index = firstToken; index < this.#tokens.length; index++) {
      const token = this.#tokens[index]!;
      if (token.kind === 'doubleStar') return this.#remembered(index, position);
      if (token.kind === 'star') {
        if (this.#tokens[index + 1]?.kind !== 'separator') {
          return this.#tryEach(index, position, false);
        }
        position = path.indexOf('/', position);
        if (position < 0) return Outcome.noMatch;
        continue;
      }
      if (position >= path.length) return Outcome.abort;
      const codePoint = path.codePointAt(position)!;
      if (!accepts(token, codePoint)) return Outcome.noMatch;
      position += codePoint > 0xffff ? 2 : 1;
    }
    return position === path.length ? Outcome.match : Outcome.noMatch;
  }

  #remembered(index: number, position: number): Outcome {
    const key = index * (this.#path.length + 1) + position;
    const known = this.#outcomes?.get(key);
    if (known !== undefined) return known;
    const outcome = this.#doubleStar(index, position);
    this.#outcomes?.set(key, outcome);
    return outcome;
  }

  /** Zero directories first, where a separator and more follow. */
  #doubleStar(index: number, position: number): Outcome {
    if (
      this.#tokens[index + 1]?.kind === 'separator' &&
      index + 2 < this.#tokens.length &&
      this.from(index + 2, position) === Outcome.match
    ) {
      return Outcome.match;
    }
    return this.#tryEach(index, position, true);
  }

  /**
   * The tokens behind a star at this position and each later one that the star can reach. As in Kopia, a
   * single star still reaches the position right behind the first separator unless it begins at one: `/a*-`
   * excludes `/ab/-`, and not `/ab/c-`.
   */
  #tryEach(index: number, start: number, crossesSeparators: boolean): Outcome {
    const path = this.#path;
    const next = this.#tokens[index + 1];
    if (next === undefined) {
      return crossesSeparators || !path.includes('/', start) ? Outcome.match : Outcome.noMatch;
    }
    let passed = path.codePointAt(start);
    for (let position = start; position < path.length;) {
      const codePoint = path.codePointAt(position)!;
      const isCandidate =
        next.kind === 'star' || next.kind === 'doubleStar' || accepts(next, codePoint);
      const outcome = isCandidate ? this.from(index + 1, position) : Outcome.noMatch;
      if (outcome === Outcome.noMatch) {
        if (!crossesSeparators && passed === 0x2f) return Outcome.abortToDoubleStar;
      } else if (!crossesSeparators || outcome !== Outcome.abortToDoubleStar) {
        return outcome;
      }
      passed = codePoint;
      position += codePoint > 0xffff ? 2 : 1;
    }
    return Outcome.abort;
  }
}

type SingleToken = Exclude<RuleToken, { readonly kind: 'star' | 'doubleStar' }>;

function accepts(token: SingleToken, codePoint: number): boolean {
  if (token.kind === 'literal') return codePoint === token.codePoint;
  if (token.kind === 'class') return token.accepts(codePoint);
  return (codePoint === 0x2f) === (token.kind === 'separator');
}
