import { describe, expect, it } from 'vitest';
import { parseCommand, UsageError } from './arguments.ts';

describe('the command line', () => {
  it('runs scenarios with five pairs at full size unless it says otherwise', () => {
    expect(parseCommand(['first-big', 'restore'])).toMatchObject({
      kind: 'run',
      options: {
        scenarios: ['first-big', 'restore'],
        pairs: 5,
        scale: 1,
        against: [],
        build: true,
      },
    });
  });

  it('takes programs to run against as a list', () => {
    expect(parseCommand(['all', '--against', 'kopia,restic', '--pairs', '7'])).toMatchObject({
      options: { against: ['kopia', 'restic'], pairs: 7 },
    });
  });

  it('reads the commands for operators', () => {
    expect(
      parseCommand(['auto', '--target', 'file:/b', '--sample', '/d', '--sample-size', '1MiB']),
    ).toMatchObject({ kind: 'auto', options: { sampleBytes: 1_048_576, apply: false } });
    expect(parseCommand(['estimate', '/d', '--changed-percent', '2.5'])).toMatchObject({
      kind: 'estimate',
      options: { directory: '/d', changedPercent: 2.5 },
    });
    expect(parseCommand(['report', '--check'])).toMatchObject({
      kind: 'report',
      options: { results: 'bench/results', check: true },
    });
    expect(parseCommand(['list'])).toEqual({ kind: 'list' });
    expect(parseCommand([])).toEqual({ kind: 'help' });
  });

  it.each([
    [['first-big', '--pairs', '0'], '--pairs 0: a whole number above 0'],
    [['first-big', '--pairs', '2.5'], '--pairs 2.5: a whole number above 0'],
    [['first-big', '--scale', 'big'], '--scale big: a number above 0'],
    [['first-big', '--against', 'tar'], '--against tar: one of kopia, restic, rustic'],
    [['first-big', '--dataset', 'x'], '--dataset x: unknown; "list" names them'],
    [['first-big', '--apply'], '--apply does not belong to run'],
    [['first-big', '--longshore', 'x'], '--longshore x: one of cli, library'],
    [['list', '--pairs', '3'], '--pairs does not belong to list'],
    [['auto', '--sample', '/d'], 'auto needs --target'],
    [['auto', '--target', 'file:/b'], 'auto needs --sample'],
    [['estimate'], 'estimate needs a directory'],
    [['estimate', '/a', '/b'], '/b: one parameter too many'],
    [['estimate', '/a', '--changed-percent', '101'], '--changed-percent 101: 0 to 100'],
    [
      ['auto', '--target', 'file:/b', '--sample', '/d', '--sample-size', 'x'],
      '--sample-size x: a size such as 256MiB',
    ],
  ])('refuses %j and says why', (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(new UsageError(message));
  });

  it('refuses flags that nobody knows', () => {
    expect(() => parseCommand(['first-big', '--colour'])).toThrow(UsageError);
  });
});
