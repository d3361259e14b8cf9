import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

/** Commands that change snapshots, as Kopia has them followed by maintenance that is due. */
const FOLLOWED: readonly (readonly string[])[] = [
  ['snapshot', 'create', 'SOURCE'],
  ['snapshot', 'delete', 'SNAPSHOT', '--delete'],
  ['snapshot', 'expire', '--all'],
  ['snapshot', 'expire', '--all', '--delete'],
  ['snapshot', 'fix', 'invalid-files'],
  ['snapshot', 'fix', 'invalid-files', '--commit'],
  ['snapshot', 'fix', 'remove-files', '--filename=b', '--commit'],
  ['snapshot', 'migrate', '--source-config=OTHER', '--all'],
  ['snapshot', 'copy-history', 'me@here', 'you@there'],
  ['snapshot', 'move-history', 'me@here', 'you@there'],
];

/** Others only change settings, or nothing. */
const ALONE: readonly (readonly string[])[] = [
  ['snapshot', 'list'],
  ['snapshot', 'pin', 'SNAPSHOT', '--add=x'],
  ['snapshot', 'verify'],
  ['policy', 'set', '--global', '--keep-latest=5'],
  ['manifest', 'list'],
];

describe('maintenance that is due', () => {
  const world = new CLIWorld();
  const source = world.path('source');
  const fresh = world.path('fresh');
  const other = world.path('other.config');
  let id: string;

  beforeAll(async () => {
    mkdirSync(source);
    for (const name of ['a', 'b']) writeFileSync(world.path('source', name), name);
    const identity = ['--override-hostname=here', '--override-username=me'];
    const path = `--path=${world.path('other')}`;
    const env = { KOPIA_CONFIG_PATH: other };
    await world.ok(['repository', 'create', 'filesystem', path, ...identity], { env });
    await world.ok(['snapshot', 'create', source, '--no-auto-maintenance'], { env });
    const own = `--path=${world.path('repo')}`;
    await world.ok(['repository', 'create', 'filesystem', own, ...identity]);
    const snapshot = await world.json<{ readonly id: string }>([
      'snapshot',
      'create',
      source,
      '--no-auto-maintenance',
    ]);
    ({ id } = snapshot);
    cpSync(world.path('repo'), fresh, { recursive: true, preserveTimestamps: true });
  });

  afterAll(() => world[Symbol.dispose]());

  /** In the repository as it was before the first maintenance. */
  async function run(command: readonly string[], ...flags: readonly string[]): Promise<string> {
    rmSync(world.path('repo'), { recursive: true });
    cpSync(fresh, world.path('repo'), { recursive: true, preserveTimestamps: true });
    const names: Readonly<Record<string, string>> = { SOURCE: source, SNAPSHOT: id, OTHER: other };
    const args = command.map((arg) =>
      arg.replace(/SOURCE|SNAPSHOT|OTHER/, (name) => names[name] ?? name),
    );
    return (await world.ok([...args, ...flags])).stderr;
  }

  it.each(FOLLOWED.map((command) => [command.join(' '), command] as const))(
    'follows %s, unless that is told otherwise',
    async (_, command) => {
      expect(await run(command)).toContain('Running full maintenance');
      expect(await run(command, '--no-auto-maintenance')).not.toContain('aintenance');
    },
  );

  it.each(ALONE.map((command) => [command.join(' '), command] as const))(
    'does not follow %s',
    async (_, command) => {
      expect(await run(command)).not.toContain('aintenance');
    },
  );
});
