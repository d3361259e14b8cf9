import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { commandTree } from '../../packages/cli/src/command-tree.ts';
import type { CommandNode } from '../../packages/cli/src/grammar/command-tree.ts';
import { GLOBAL_FLAGS } from '../../packages/cli/src/global-flags.ts';
import type { Flags } from '../../packages/cli/src/grammar/flag.ts';
import { listCommands } from '../../packages/cli/src/grammar/help.ts';
import { REFUSED_COMMANDS } from '../../packages/cli/src/refused-commands.ts';
import { findKopia, isKopiaMissing } from '../kopia.ts';

const kopiaBinary = findKopia();

/** What longshore has and Kopia lacks. */
const OWN_COMMANDS = [
  'quickstart',
  'repository heal',
  'verify',
  'doctor',
  'completion bash',
  'completion zsh',
  'completion fish',
];

/** Leaves that Kopia lists nowhere, not even with `--help-full`; it runs them all the same. */
const HIDDEN_IN_KOPIA = [
  'blob delete',
  'blob gc',
  'blob shards modify',
  'content delete',
  'content rewrite',
  'index optimize',
  'manifest delete',
  ...['azure', 'b2', 'filesystem', 'gcs', 'gdrive', 'rclone', 's3', 'sftp', 'webdav'].map(
    (storage) => `repository repair ${storage}`,
  ),
];

/** What Kopia has and longshore refuses by name, unless it is given a value that changes nothing. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'repository connect filesystem': ['check-for-updates'],
  'repository connect s3': ['check-for-updates'],
  'repository connect from-config': ['check-for-updates'],
  'repository create filesystem': ['check-for-updates'],
  'repository create s3': ['check-for-updates'],
  'snapshot create': ['send-snapshot-report'],
  mount: ['fuse-allow-non-empty-mount', 'fuse-allow-other'],
  'benchmark compression': ['by-alloc', 'deprecated'],
};

interface KopiaUsage {
  readonly exists: boolean;
  readonly flags: ReadonlySet<string>;
}

/** The flags that the help of a command shows, those of every command included. */
function kopiaUsage(path: readonly string[]): KopiaUsage {
  let text: string;
  try {
    const options = { encoding: 'utf8', stdio: 'pipe' } as const;
    text = execFileSync(kopiaBinary!, [...path, '--help'], options);
  } catch {
    return { exists: false, flags: new Set() };
  }
  const usage = /usage: kopia ([^\n]*)/.exec(text)?.[1] ?? '';
  const names = text.matchAll(/^ {2,6}(?:-\w, +)? *--(?:\[no-\])?([a-z0-9][a-z0-9-]*)/gm);
  return {
    exists: usage.startsWith(path.join(' ')),
    flags: new Set(Array.from(names, ([, name]) => name!)),
  };
}

/** Every command that the help of everything names, and those that it hides. */
function kopiaCommands(): readonly string[] {
  const help = execFileSync(kopiaBinary!, ['--help-full'], { encoding: 'utf8', stdio: 'pipe' });
  const [, list] = /^Commands:\n([^]*)/m.exec(help)!;
  const listed = Array.from(
    list!.matchAll(/^[a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)*/gm),
    ([path]) => path,
  );
  return [...listed, ...HIDDEN_IN_KOPIA].sort();
}

/** By name or alias: the command that a line of words leads to. */
function isOurs(path: string): boolean {
  let node: CommandNode = commandTree;
  for (const word of path.split(' ')) {
    if (node.kind !== 'group') return false;
    const next: CommandNode | undefined = node.children.find(
      ({ name, aliases }) => name === word || aliases.includes(word),
    );
    if (next === undefined) return false;
    node = next;
  }
  return node.kind === 'command';
}

function refusedAmong(flags: Flags, names: ReadonlySet<string>): readonly string[] {
  return [...names].filter((name) => flags[name]?.refused === true).sort();
}

describe.skipIf(isKopiaMissing(kopiaBinary, 'the command line beside that of Kopia', 19))(
  'the command line',
  () => {
    it('knows every flag that Kopia shows for the commands of both, or refuses it by name', async () => {
      const unknown: Record<string, readonly string[]> = {};
      const refused: Record<string, readonly string[]> = {};
      for (const { path, command } of await listCommands(commandTree, [], { full: true })) {
        const { exists, flags } = kopiaUsage(path);
        if (!exists) continue;
        const known: Flags = { ...GLOBAL_FLAGS, ...command.flags };
        const missing = [...flags].filter((name) => known[name] === undefined);
        if (missing.length > 0) unknown[path.join(' ')] = missing;
        const left = refusedAmong(command.flags, flags);
        if (left.length > 0) refused[path.join(' ')] = left;
      }
      expect(unknown).toEqual({});
      expect(refused).toEqual(REFUSED);
    }, 240_000);

    it('has every command of Kopia, hidden ones too, but those that are left out for a reason', () => {
      const commands = kopiaCommands();
      expect(commands.length).toBeGreaterThan(130);
      const lacking = commands.filter((path) => !isOurs(path));
      expect(
        lacking.filter((path) => !REFUSED_COMMANDS.some(({ commands: known }) => known.test(path))),
      ).toEqual([]);
      const idle = REFUSED_COMMANDS.filter(
        ({ commands: known }) => !lacking.some((path) => known.test(path)),
      );
      expect(idle).toEqual([]);
      const needless = commands.filter(
        (path) => isOurs(path) && REFUSED_COMMANDS.some(({ commands: known }) => known.test(path)),
      );
      expect(needless).toEqual([]);
    });

    it.each(HIDDEN_IN_KOPIA)('looks for "%s", which Kopia does have', (path) => {
      expect(kopiaUsage(path.split(' ')).exists).toBe(true);
    });

    it('has no command beside those of Kopia but the ones that are meant to be', async () => {
      const own: string[] = [];
      for (const { path } of await listCommands(commandTree, [], { full: true })) {
        if (path[0] !== 'help' && !kopiaUsage(path).exists) own.push(path.join(' '));
      }
      expect(own).toEqual(OWN_COMMANDS);
    }, 240_000);
  },
);
