import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of the checkout. */
export const PROJECT_ROOT: string = join(import.meta.dirname, '..');

/** The fenced blocks of a page of the project that are marked with `language`, in order. */
export function codeBlocks(page: string, language: string): readonly string[] {
  const text = readFileSync(join(PROJECT_ROOT, page), 'utf8');
  const blocks = text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return Array.from(blocks)
    .filter(([, marked]) => marked === language)
    .map(([, , code]) => code!);
}

/** Puts values where a page has examples; each example must occur, so that none is forgotten. */
export function withValues(code: string, values: Readonly<Record<string, string>>): string {
  let result = code;
  for (const [example, value] of Object.entries(values)) {
    if (!result.includes(example)) throw new Error(`the page no longer says ${example}`);
    result = result.replaceAll(example, () => value);
  }
  return result;
}
