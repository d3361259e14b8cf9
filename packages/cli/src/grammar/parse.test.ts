import { describe, expect, it } from 'vitest';
import { argumentList, defineCommand, optionalArgument, requiredArgument } from './command.ts';
import { group, leaf, type CommandGroup } from './command-tree.ts';
import { flag, refusedFlag } from './flag.ts';
import { parseCommandLine, type ParsedLine } from './parse.ts';
import { duration, integer, oneOf, text, texts } from './value-flags.ts';

const run = async (): Promise<void> => {};

const list = defineCommand({
  summary: 'List.',
  flags: {
    all: flag('All.', { short: 'a' }),
    long: flag('Long.', { short: 'l' }),
    color: flag('Colours.', { default: true }),
    'max-results': integer('How many.', { short: 'n', default: 0 }),
    tags: texts('Tags.', { env: 'TEST_TAGS' }),
    sort: oneOf(['time', 'size'])('Order.', { default: 'time' }),
    wait: duration('How long.'),
    'not-here': refusedFlag(),
    report: refusedFlag({ isBoolean: true }),
  },
  args: { source: optionalArgument('Which.') },
  run,
});

const remove = defineCommand({
  summary: 'Remove.',
  flags: { reason: text('Why.', { required: true, env: 'TEST_REASON' }) },
  args: { first: requiredArgument('One.'), others: argumentList('More.') },
  run,
});

const make = defineCommand({
  summary: 'Make.',
  flags: { size: integer('Size.', { default: 1 }), path: text('Where.', { default: '' }) },
  args: {},
  run,
});

const root: CommandGroup = group('', 'Root.', [
  group(
    'thing',
    'Things.',
    [
      leaf('list', async () => ({ command: list }), { aliases: ['ls'] }),
      leaf('remove', async () => ({ command: remove })),
      group('make', 'Make.', [leaf('here', async () => ({ command: make }))], {
        flags: async () => ({ groupFlags: { size: make.flags['size']! } }),
      }),
    ],
    { aliases: ['things'] },
  ),
]);

const globalFlags = {
  verbose: flag('Verbose.', { short: 'v' }),
  config: text('File.', { env: 'TEST_CONFIG', default: 'default.config' }),
};

function parse(line: string, env: Record<string, string> = {}): Promise<ParsedLine> {
  const argv = line.split(' ').filter((word) => word !== '');
  return parseCommandLine(argv, { root, globalFlags, env });
}

async function flagsOf(line: string, env: Record<string, string> = {}): Promise<unknown> {
  return (await parse(line, env)).input().flags;
}

async function failure(line: string, env: Record<string, string> = {}): Promise<string> {
  try {
    (await parse(line, env)).input();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('was accepted');
}

describe('a command line', () => {
  it('names its command by the names of the table, whichever alias was given', async () => {
    expect((await parse('things ls')).path).toEqual(['thing', 'list']);
  });

  it('has global flags anywhere', async () => {
    const lines = [
      '--config x thing list',
      'thing --config x list',
      'thing list --config x',
      'thing list path --config=x',
    ];
    const parsed = await Promise.all(lines.map((line) => parse(line)));
    expect(parsed.map(({ globals }) => globals['config'])).toEqual(lines.map(() => 'x'));
  });

  it('has flags of a command only after its name', async () => {
    expect(await failure('--all thing list')).toContain('unknown flag --all');
    expect(await failure('thing --all list')).toContain('unknown flag --all');
    expect(await flagsOf('thing list path --all')).toMatchObject({ all: true });
  });

  it('has flags of a group before and after the name of the command', async () => {
    expect(await flagsOf('thing make --size 2 here')).toMatchObject({ size: 2 });
    expect(await flagsOf('thing make here --size=2')).toMatchObject({ size: 2 });
  });

  it('takes values after a space, an equals sign, or glued to a letter', async () => {
    expect(await flagsOf('thing list --max-results 3')).toMatchObject({ 'max-results': 3 });
    expect(await flagsOf('thing list --max-results=-3')).toMatchObject({ 'max-results': -3 });
    expect(await flagsOf('thing list -n 3')).toMatchObject({ 'max-results': 3 });
    expect(await flagsOf('thing list -aln3')).toMatchObject({
      all: true,
      long: true,
      'max-results': 3,
    });
  });

  it('takes a boolean flag back with --no-', async () => {
    expect(await flagsOf('thing list --no-color')).toMatchObject({ color: false });
    expect(await flagsOf('thing list --color=false --all=true')).toMatchObject({
      color: false,
      all: true,
    });
    expect(await failure('thing list --no-max-results')).toContain('unknown flag --no-max-results');
  });

  it('collects repeated flags in order and refuses to repeat others', async () => {
    expect(await flagsOf('thing list --tags a:1 --tags=b:2')).toMatchObject({
      tags: ['a:1', 'b:2'],
    });
    expect(await failure('thing list -n 1 --max-results 2')).toBe(
      '--max-results was given more than once; see "longshore thing list --help"',
    );
  });

  it('takes everything after -- as it is', async () => {
    const line = await parse('thing list -- --all');
    expect(line.input()).toMatchObject({ flags: { all: false }, args: { source: '--all' } });
  });

  it('takes a lone dash as a word', async () => {
    expect((await parse('thing list -')).input().args).toEqual({ source: '-' });
  });

  it('reads variables where a flag is not given, lists line by line', async () => {
    const env = { TEST_CONFIG: 'env.config', TEST_TAGS: 'a:1\nb:2' };
    expect((await parse('thing list', env)).globals).toMatchObject({ config: 'env.config' });
    expect((await parse('thing list --config c', env)).globals).toMatchObject({ config: 'c' });
    expect(await flagsOf('thing list', env)).toMatchObject({ tags: ['a:1', 'b:2'] });
    expect((await parse('thing list', { TEST_CONFIG: '' })).globals).toMatchObject({
      config: 'default.config',
    });
  });

  it('needs what is required, from the line or a variable', async () => {
    expect(await failure('thing remove a')).toBe(
      'thing remove needs --reason; see "longshore thing remove --help"',
    );
    expect(await failure('thing remove --reason x')).toContain('needs <first>');
    const { args } = (await parse('thing remove a b c', { TEST_REASON: 'x' })).input();
    expect(args).toEqual({ first: 'a', others: ['b', 'c'] });
  });

  it('says what is wrong with a value, and where it came from', async () => {
    expect(await failure('thing list -n x')).toContain(
      '--max-results needs a whole number, not "x"',
    );
    expect(await failure('thing list --sort=name')).toContain('--sort must be one of time, size');
    expect(await failure('thing list --wait=1')).toContain('--wait needs a duration such as 1h30m');
    expect(await failure('thing list --max-results')).toContain('--max-results needs a value');
    expect(await failure('thing list --max-results -1')).toContain('--max-results needs a value');
  });

  it('refuses commands that are known to be missing, and says why', async () => {
    const refused = [{ commands: /^thing (?:b2|gcs)$/, why: 'it is not' }];
    const options = { root, globalFlags, env: {}, refused };
    await expect(parseCommandLine(['things', 'gcs', '--bucket=x'], options)).rejects.toMatchObject({
      name: 'UnsupportedUsageError',
      message: 'thing gcs is not supported by longshore: it is not',
    });
  });

  it('refuses by name what Kopia has and longshore lacks, unless nothing is asked for', async () => {
    expect(await failure('thing list --not-here=1')).toBe(
      '--not-here is not supported by longshore',
    );
    expect(await failure('thing list --report')).toBe('--report is not supported by longshore');
    expect(await flagsOf('thing list --no-report')).toMatchObject({ report: undefined });
  });

  it('suggests the word that was meant', async () => {
    expect(await failure('thing lsit')).toContain('unknown command "lsit" of thing');
    expect(await failure('thing remov x')).toContain('did you mean remove?');
    expect(await failure('thing list --max-result=1')).toContain('did you mean --max-results?');
  });

  it('refuses words that no argument takes', async () => {
    expect(await failure('thing list a b')).toContain('thing list does not take "b"');
  });

  it('that stops at a group has no command', async () => {
    const line = await parse('thing');
    expect(line.command).toBeUndefined();
    expect(line.group.name).toBe('thing');
  });
});
