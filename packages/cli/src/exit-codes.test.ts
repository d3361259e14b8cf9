import { CorruptDataError, LongshoreError } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, SilentFailure } from './exit-codes.ts';
import { UnsupportedUsageError, UsageError } from './grammar/usage-error.ts';

describe('exit codes', () => {
  const failures = [
    new UsageError('x'),
    new UnsupportedUsageError('x'),
    new SilentFailure('x'),
    new SilentFailure('x', { cause: new LongshoreError('NO_SPACE', 'x') }),
    new CorruptDataError('x'),
    new LongshoreError('INVALID_PASSWORD', 'x'),
    new LongshoreError('NO_SPACE', 'x'),
    new Error('x'),
  ];

  it('are those of Kopia unless more is asked for', () => {
    expect(failures.map((failure) => exitCodeOf(failure, 'kopia'))).toEqual([
      1, 1, 1, 1, 1, 1, 1, 1,
    ]);
  });

  it('tell kinds of failures apart when they are to', () => {
    expect(failures.map((failure) => exitCodeOf(failure, 'detailed'))).toEqual([
      2, 3, 4, 23, 30, 14, 23, 1,
    ]);
  });
});
