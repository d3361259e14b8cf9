import { describe, expect, it } from 'vitest';
import { characterClassNamed } from './character-class.ts';

describe('a character class', () => {
  it.each([
    ['alnum', 'aé٣', '_²'],
    ['alpha', 'aéж', '1_'],
    ['ascii', 'a~', 'é'],
    ['blank', ' \t\u00a0', '\n'],
    ['cntrl', '\u0001\u0085', 'a'],
    ['digit', '1٣', 'a²'],
    ['graph', 'a1! \u00a0', '\n'],
    ['lower', 'aé', 'AÉ'],
    ['print', 'a ', '\u00a0\n'],
    ['punct', '!+<', 'a'],
    ['space', ' \n\u0085', 'a\ufeff'],
    ['upper', 'AÉ', 'a'],
    ['xdigit', 'afAF9٣', 'g'],
  ])('called %s accepts "%s" and not "%s"', (name, accepted, rejected) => {
    const accepts = characterClassNamed(name)!;
    for (const character of accepted) expect(accepts(character.codePointAt(0)!)).toBe(true);
    for (const character of rejected) expect(accepts(character.codePointAt(0)!)).toBe(false);
  });

  it('of another name does not exist', () => {
    expect(characterClassNamed('word')).toBeUndefined();
  });
});
