import { describe, expect, it } from 'vitest';
import { UsageError } from '../grammar/usage-error.ts';
import { ACTION_FLAGS, actionChanges, splitCommand } from './policy-actions.ts';

function changes(
  given: Readonly<Partial<Record<keyof typeof ACTION_FLAGS, string>>>,
): ReturnType<typeof actionChanges> {
  const values = Object.entries(ACTION_FLAGS).map(([name, flag]) => {
    const text = given[name as keyof typeof ACTION_FLAGS];
    return [name, flag.resolve(text === undefined ? [] : [text])];
  });
  return actionChanges(Object.fromEntries(values) as Parameters<typeof actionChanges>[0]);
}

describe('commands of actions', () => {
  it.each([
    ['/bin/true', ['/bin/true']],
    ['run --x=1 y', ['run', '--x=1', 'y']],
    ['run "two words" "say ""hi"""', ['run', 'two words', 'say "hi"']],
    ['run  x', ['run', '', 'x']],
  ])('are split at spaces: %j', (given, words) => {
    expect(splitCommand('before-folder-action', given)).toEqual(words);
  });

  it.each(['run "open', 'run a"b', 'run "a"b'])('refuse stray quotes: %j', (given) => {
    expect(() => splitCommand('before-folder-action', given)).toThrow(UsageError);
  });
});

describe('flags of actions', () => {
  it('change nothing where they are not given, or given as a dash', () => {
    expect(changes({ 'after-folder-action': '-' })).toEqual([]);
  });

  it('set a program with the time and mode that Kopia would give it', () => {
    expect(changes({ 'before-folder-action': 'run x' })).toEqual([
      {
        name: 'beforeFolder',
        action: { path: 'run', args: ['x'], timeout: 300, mode: 'essential' },
      },
    ]);
  });

  it.each(['', 'none', 'inherit'])('take a program out by %j', (given) => {
    expect(changes({ 'after-snapshot-root-action': given })).toEqual([
      { name: 'afterSnapshotRoot', action: undefined },
    ]);
  });

  it('refuse a time too short for seconds', () => {
    expect(() =>
      changes({ 'before-folder-action': 'run', 'action-command-timeout': '300ms' }),
    ).toThrow(UsageError);
  });
});
