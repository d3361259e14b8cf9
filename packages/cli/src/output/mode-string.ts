import type { DirEntry } from '@longshore/snapshot';

/** Bits of Go's portable mode in the order of their letters. */
const SPECIAL_BITS: readonly (readonly [number, string])[] = [
  [1 << 23, 'u'],
  [1 << 22, 'g'],
  [1 << 20, 't'],
];

/** As Go prints modes: `drwxr-xr-x`, `Lrwxrwxrwx`, `-rw-r--r--`, `dtrwxrwxrwx`. */
export function modeString({ type, mode }: Pick<DirEntry, 'type' | 'mode'>): string {
  let text = type === 'd' ? 'd' : type === 's' ? 'L' : '';
  for (const [bit, letter] of SPECIAL_BITS) if ((mode & bit) !== 0) text += letter;
  if (text === '') text = '-';
  for (let bit = 8; bit >= 0; bit--) text += (mode & (1 << bit)) === 0 ? '-' : 'rwx'[2 - (bit % 3)];
  return text;
}
