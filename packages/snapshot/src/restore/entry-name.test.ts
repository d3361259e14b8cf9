import { describe, expect, it } from 'vitest';
import { checkEntryName } from './entry-name.ts';

describe('checkEntryName', () => {
  it.each(['', '.', '..', '/', '/etc', 'a/b', '../x', 'a/', 'a\0b', '\0'])('refuses %j', (name) => {
    expect(() => checkEntryName(name, 'dir')).toThrow(
      expect.objectContaining({ code: 'TARGET_UNSAFE', facts: { path: 'dir' } }),
    );
  });

  it.each(['a', '...', '.hidden', 'a\\b', '-rf', '\ufffd', 'ünï', ' ', '~'])('takes %j', (name) => {
    expect(() => checkEntryName(name, '')).not.toThrow();
  });

  it('names the root in words', () => {
    expect(() => checkEntryName('..', '')).toThrow('the snapshot root: unsafe name ".."');
  });
});
