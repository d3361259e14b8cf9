import { describe, expect, it } from 'vitest';

import { parseBlobID } from './storage.ts';

describe('parseBlobID', () => {
  it.each(['kopia.repository', 'p0', `x${'0'.repeat(249)}`, '.hidden', 'a b'.replace(' ', '_')])(
    'takes %s',
    (name) => {
      expect(parseBlobID(name)).toBe(name);
    },
  );

  it.each(['', '.', '..', 'a/b', 'a\\b', 'a b', 'a\nb', 'ü', 'x'.repeat(251), '../etc/passwd'])(
    'refuses %j',
    (name) => {
      expect(() => parseBlobID(name)).toThrow(/not a blob ID/);
    },
  );
});
