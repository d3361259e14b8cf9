import { LongshoreError } from '@longshore/repo';

/** Matches a whole name without slashes. */
export type NamePattern = (name: string) => boolean;

/**
 * A shell pattern for names, as Go's `path.Match` reads it: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a character that
 * stands for itself. INVALID_ARGUMENT if it is malformed.
 */
export function parseNamePattern(pattern: string): NamePattern {
  const parts: string[] = [];
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === '*') parts.push('[^/]*');
    else if (character === '?') parts.push('[^/]');
    else if (character === '[') {
      const end = parseClass(characters, i + 1, parts, pattern);
      i = end;
    } else if (character === '\\') {
      i += 1;
      parts.push(literal(characters[i], pattern));
    } else parts.push(literal(character, pattern));
  }
  const expression = new RegExp(`^${parts.join('')}$`, 'su');
  return (name) => expression.test(name);
}

/** Pushes the class that begins after a bracket; the index of its closing bracket. */
function parseClass(
  characters: readonly string[],
  start: number,
  parts: string[],
  pattern: string,
): number {
  const negated = characters[start] === '^';
  let i = negated ? start + 1 : start;
  let members = '';
  while (characters[i] !== ']' || members === '') {
    const [low, afterLow] = classMember(characters, i, pattern);
    i = afterLow;
    if (characters[i] !== '-') {
      members += low;
      continue;
    }
    const [high, afterHigh] = classMember(characters, i + 1, pattern);
    i = afterHigh;
    // A range from high to low matches nothing, and so does this one.
    members += codePoint(low) <= codePoint(high) ? `${low}-${high}` : '\\u{10ffff}';
  }
  parts.push(`(?!/)[${negated ? '^' : ''}${members}]`);
  return i;
}

function classMember(
  characters: readonly string[],
  index: number,
  pattern: string,
): readonly [escaped: string, next: number] {
  const character = characters[index];
  if (character === undefined || character === '-' || character === ']') throw malformed(pattern);
  if (character !== '\\') return [literal(character, pattern), index + 1];
  return [literal(characters[index + 1], pattern), index + 2];
}

function literal(character: string | undefined, pattern: string): string {
  if (character === undefined) throw malformed(pattern);
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

function codePoint(escaped: string): number {
  return Number.parseInt(escaped.slice(3, -1), 16);
}

function malformed(pattern: string): LongshoreError {
  return new LongshoreError('INVALID_ARGUMENT', `malformed pattern ${JSON.stringify(pattern)}`);
}
