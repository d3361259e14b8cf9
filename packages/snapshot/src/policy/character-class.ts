/** Accepts one code point. */
export type CodePointTest = (codePoint: number) => boolean;

/** The names of POSIX with the meaning that Kopia gives them for all of Unicode. */
const CLASSES: ReadonlyMap<string, RegExp> = new Map([
  ['alnum', /[\p{L}\p{Nd}]/u],
  ['alpha', /\p{L}/u],
  ['ascii', /\p{ASCII}/u],
  ['blank', /[\t\p{Zs}]/u],
  ['cntrl', /\p{Cc}/u],
  ['digit', /\p{Nd}/u],
  ['graph', /[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]/u],
  ['lower', /\p{Ll}/u],
  ['print', /[ \p{L}\p{M}\p{N}\p{P}\p{S}]/u],
  ['punct', /[\p{P}\p{S}]/u],
  ['space', /\p{White_Space}/u],
  ['upper', /\p{Lu}/u],
  ['xdigit', /[A-Fa-f\p{Nd}]/u],
]);

/** The class that `[:name:]` stands for; undefined if there is none of this name. */
export function characterClassNamed(name: string): CodePointTest | undefined {
  const pattern = CLASSES.get(name);
  return pattern && ((codePoint) => pattern.test(String.fromCodePoint(codePoint)));
}
