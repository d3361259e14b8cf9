import { encodeUtf8, LongshoreError } from '@longshore/repo';
import { characterClassNamed, type CodePointTest } from './character-class.ts';

/** One step of a rule. A `separator` is `/` as it stands in the rule; an escaped one is a literal. */
export type RuleToken =
  | { readonly kind: 'literal'; readonly codePoint: number }
  | { readonly kind: 'separator' }
  | { readonly kind: 'anyExceptSeparator' }
  | { readonly kind: 'class'; readonly accepts: CodePointTest }
  | { readonly kind: 'star' }
  | { readonly kind: 'doubleStar' };

export interface ParsedRule {
  readonly tokens: readonly RuleToken[];
  /** Began with `!`: brings back what an earlier rule excluded. */
  readonly negated: boolean;
  /** Ended in `/`. */
  readonly directoriesOnly: boolean;
}

/** A rule with more wildcards than this is refused: each may be one level of recursion. */
const MAX_WILDCARDS = 1000;

const SEPARATOR = '/';
const SEPARATOR_TOKEN: RuleToken = { kind: 'separator' };
const LEADING_SPACE = /^\p{White_Space}+/u;
const TRAILING_SPACE = /\p{White_Space}+$/u;

/**
 * Splits a rule into tokens that match paths relative to the snapshot root. `base` is the directory whose
 * ignore file holds the rule: empty for the root, else `/sub/dir`. INVALID_ARGUMENT if the rule is malformed.
 */
export function parseRuleTokens(text: string, base: string): ParsedRule {
  const rule = trimRule(text);
  if (rule === '') return { tokens: [], negated: false, directoriesOnly: false };
  const trimmed = rule.replace(LEADING_SPACE, '');
  const negated = trimmed.startsWith('!');
  const body = codePoints(negated ? trimmed.slice(1) : trimmed);
  const rooted = body[0] === SEPARATOR;
  const directoriesOnly = body.at(-1) === SEPARATOR;
  const pattern = directoriesOnly ? body.slice(0, -1) : body;
  const tokens = [
    ...anchorTokens(pattern, base, rooted, pattern.join('') === '**' && !negated),
    ...new RuleScanner(text, pattern, codePoints(rule).length - body.length).tokens(),
  ];
  if (
    tokens.filter(({ kind }) => kind === 'star' || kind === 'doubleStar').length > MAX_WILDCARDS
  ) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `an ignore rule has more than ${MAX_WILDCARDS} wildcards`,
    );
  }
  return { tokens, negated, directoriesOnly };
}

/** Trims both ends, except where the last character is escaped and in very short rules. */
function trimRule(text: string): string {
  const bytes = encodeUtf8(text);
  if (bytes.length <= 2 || bytes[bytes.length - 2] === 0x5c) return text;
  return text.replace(TRAILING_SPACE, '').replace(LEADING_SPACE, '');
}

/** What stands in front of the rule's own tokens: the directory it belongs to, and the depth it may match at. */
function anchorTokens(
  pattern: readonly string[],
  base: string,
  rooted: boolean,
  matchesAll: boolean,
): RuleToken[] {
  const tokens = codePoints(base).map(literalToken);
  if (base !== '' && !rooted) tokens.push(SEPARATOR_TOKEN);
  if (rooted || matchesAll) return tokens;
  if (!pattern.includes(SEPARATOR)) tokens.push({ kind: 'doubleStar' }, SEPARATOR_TOKEN);
  else if (base === '') tokens.push(SEPARATOR_TOKEN);
  return tokens;
}

function codePoints(text: string): string[] {
  return Array.from(text);
}

function literalToken(character: string): RuleToken {
  return character === SEPARATOR
    ? SEPARATOR_TOKEN
    : { kind: 'literal', codePoint: character.codePointAt(0)! };
}

/** Reads the rule's own characters, one code point at a time. */
class RuleScanner {
  readonly #rule: string;
  readonly #characters: readonly string[];
  /** Code points in front of the first character: a `!`, and white space that was not trimmed. */
  readonly #origin: number;
  #next = 0;

  constructor(rule: string, characters: readonly string[], origin: number) {
    this.#rule = rule;
    this.#characters = characters;
    this.#origin = origin;
  }

  tokens(): RuleToken[] {
    const tokens: RuleToken[] = [];
    while (this.#next < this.#characters.length) tokens.push(this.#token());
    return tokens;
  }

  #token(): RuleToken {
    const start = this.#next;
    const character = this.#take();
    switch (character) {
      case '\\':
        return { kind: 'literal', codePoint: this.#escaped() };
      case '?':
        return { kind: 'anyExceptSeparator' };
      case '*':
        return this.#stars(start);
      case '[':
        return { kind: 'class', accepts: this.#characterClass() };
      default:
        return literalToken(character);
    }
  }

  /** Two or more stars cross directories if they begin the rule's text or are a whole path element. */
  #stars(start: number): RuleToken {
    while (this.#peek() === '*') this.#next += 1;
    const isRun = this.#next - start > 1;
    const beginsText = start + this.#origin === 0;
    const isElement =
      this.#characters[start - 1] === SEPARATOR && [undefined, SEPARATOR].includes(this.#peek());
    return { kind: isRun && (beginsText || isElement) ? 'doubleStar' : 'star' };
  }

  #characterClass(): CodePointTest {
    const negated = this.#peek() === '!';
    if (negated) this.#next += 1;
    const members: CodePointTest[] = [];
    for (;;) {
      const character = this.#take();
      if (character === ']') break;
      const member = character === '\\' ? this.#take() : character;
      members.push(this.#namedClass(member) ?? this.#member(member));
    }
    return (codePoint) => members.some((accepts) => accepts(codePoint)) !== negated;
  }

  /** One character, or a range of them. A `-` in front of the closing bracket is itself. */
  #member(character: string): CodePointTest {
    const first = character.codePointAt(0)!;
    if (this.#peek() !== '-' || this.#characters[this.#next + 1] === ']') {
      return (codePoint) => codePoint === first;
    }
    this.#next += 1;
    const end = this.#take();
    const last = end === '\\' ? this.#escaped() : end.codePointAt(0)!;
    return (codePoint) => first <= codePoint && codePoint <= last;
  }

  /**
   * `[:name:]`, of which Kopia takes notice only while the length of the name is above the index of its
   * first colon in the rule; elsewhere these are plain members. An escaped `\\[` begins one just as well.
   */
  #namedClass(character: string): CodePointTest | undefined {
    if (character !== '[' || this.#peek() !== ':') return undefined;
    const colon = this.#next;
    const end = this.#characters.indexOf(']', colon);
    const nameLength = end - colon - 1;
    if (end < 0 || nameLength <= colon + this.#origin || this.#characters[end - 1] !== ':') {
      return undefined;
    }
    const name = this.#characters.slice(colon + 1, end - 1).join('');
    const accepts = characterClassNamed(name);
    if (accepts === undefined) throw this.#error(`there is no character class [:${name}:]`);
    this.#next = end + 1;
    return accepts;
  }

  #escaped(): number {
    return this.#take().codePointAt(0)!;
  }

  #peek(): string | undefined {
    return this.#characters[this.#next];
  }

  #take(): string {
    const character = this.#peek();
    if (character === undefined) throw this.#error('it ends inside an escape or a character class');
    this.#next += 1;
    return character;
  }

  #error(problem: string): LongshoreError {
    return new LongshoreError(
      'INVALID_ARGUMENT',
      `ignore rule ${JSON.stringify(this.#rule)}: ${problem}`,
    );
  }
}
