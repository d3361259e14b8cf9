import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld, type RunOptions } from './cli-world.ts';

const world = new CLIWorld();
const repo = world.path('repo');

beforeAll(async () => {
  mkdirSync(world.path('source'));
  mkdirSync(world.path('empty'));
  writeFileSync(world.path('source', 'data'), Buffer.alloc(100_000, 7));
  writeFileSync(world.path('no.config'), '{');
  writeFileSync(world.path('gcs.config'), '{"storage":{"type":"gcs","config":{}}}');
  writeFileSync(world.path('server.config'), '{"apiServer":{"url":"https://here"}}');
  await world.ok(['repository', 'create', 'filesystem', `--path=${repo}`]);
  await world.ok(['snapshot', 'create', 'source']);
});

afterAll(() => world[Symbol.dispose]());

/** The whole of standard error of a command that has to fail. */
async function failure(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await world.run(args, options);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  return stderr.replaceAll(world.folder, '~');
}

interface BadInput {
  readonly what: string;
  readonly args: readonly string[];
  readonly message: string;
  readonly env?: Readonly<Record<string, string>>;
}

const TABLE: readonly BadInput[] = (
  [
    [
      'a wrong password',
      ['snapshot', 'list'],
      'wrong password for the repository in Filesystem: ~/repo; check KOPIA_PASSWORD or --password',
      { KOPIA_PASSWORD: 'wrong' },
    ],
    [
      'no connection',
      ['snapshot', 'list'],
      'not connected to a repository: there is no ~/missing.config; begin with "longshore repository connect" or "longshore repository create"',
      { KOPIA_CONFIG_PATH: '~/missing.config' },
    ],
    [
      'no repository',
      ['repository', 'connect', 'filesystem', '--path=~/empty'],
      'there is no repository in Filesystem: ~/empty: kopia.repository is missing; create one with "longshore repository create", or check the location',
      { KOPIA_CONFIG_PATH: '~/new.config' },
    ],
    [
      'no folder for the repository',
      ['repository', 'connect', 'filesystem', '--path=~/none'],
      'there is no repository folder ~/none; check the path, and that its disk is mounted',
      { KOPIA_CONFIG_PATH: '~/new.config' },
    ],
    [
      'a repository where one is to be created',
      ['repository', 'create', 'filesystem', '--path=~/repo'],
      'there is a repository in Filesystem: ~/repo already; use "longshore repository connect" to work with it',
      { KOPIA_CONFIG_PATH: '~/new.config' },
    ],
    [
      'no password',
      ['snapshot', 'list'],
      'no password: set KOPIA_PASSWORD, give --password, or run this on a terminal',
      { KOPIA_CONFIG_PATH: '~/unkept.config', KOPIA_PASSWORD: '' },
    ],
    [
      'a damaged connection file',
      ['snapshot', 'list'],
      '~/no.config: not valid JSON at offset 1: this is no connection file; connect again with "longshore repository connect"',
      { KOPIA_CONFIG_PATH: '~/no.config' },
    ],
    [
      'a storage that longshore lacks',
      ['snapshot', 'list'],
      'storage of type "gcs" is not supported by longshore: filesystem and s3 are',
      { KOPIA_CONFIG_PATH: '~/gcs.config' },
    ],
    [
      'a connection to a server',
      ['snapshot', 'list'],
      '~/server.config connects to a repository server, which longshore cannot do; connect to its storage instead',
      { KOPIA_CONFIG_PATH: '~/server.config' },
    ],
    [
      'an unknown flag',
      ['snapshot', 'list', '--al'],
      'unknown flag --al of snapshot list (did you mean --all?); see "longshore snapshot list --help"',
    ],
    [
      'an unknown command',
      ['snapshot', 'lst'],
      'unknown command "lst" of snapshot (did you mean list?); see "longshore snapshot --help"',
    ],
    [
      'a flag of Kopia that longshore lacks',
      ['snapshot', 'list', '--metrics-listen-addr=:1'],
      '--metrics-listen-addr is not supported by longshore',
    ],
    [
      'a command of Kopia that longshore lacks',
      ['repo', 'connect', 'b2', '--bucket=b'],
      'repository connect b2 is not supported by longshore: it stores in folders and on S3, which Backblaze B2 and Google Cloud Storage speak too',
    ],
    [
      'no folder to back up',
      ['snapshot', 'create', '~/nowhere'],
      'cannot examine ~/nowhere: no such file or directory; check the path and its permissions',
    ],
    ['nothing to back up', ['snapshot', 'create'], 'snapshot create needs a source, or --all'],
    [
      'no such snapshot',
      ['snapshot', 'delete', '00000000000000000000000000000000'],
      'no snapshot is 00000000000000000000000000000000, or has it as its root; "longshore snapshot list -a -m" shows all',
    ],
    [
      'no such object to restore',
      ['restore', '00000000000000000000000000000000', '~/target'],
      'the repository has no snapshot or object 00000000000000000000000000000000; "longshore snapshot list -a -m" shows what there is',
    ],
    ...['list', 'show', 'diff', 'compare'].map(
      (command) =>
        [
          `no such snapshot to ${command}`,
          [
            command,
            'a'.repeat(32),
            ...(['diff', 'compare'].includes(command) ? ['b'.repeat(32)] : []),
          ],
          `the repository has no snapshot or object ${'a'.repeat(32)}; "longshore snapshot list -a -m" shows what there is`,
        ] as const,
    ),
    [
      'a path in place of an ID',
      ['list', '~/source'],
      '"~/source" does not begin with the ID of a snapshot or object; "longshore snapshot list -a -m" shows IDs; paths of this machine are for restore',
    ],
    [
      'a folder for a copy that is not there',
      ['repository', 'sync-to', 'filesystem', '--path=~/target'],
      'there is no repository folder ~/target; check the path, and that its disk is mounted',
    ],
    [
      'no repository to migrate from',
      ['snapshot', 'migrate', '--all', '--source-config=~/nope'],
      '--source-config: there is no ~/nope',
    ],
    [
      'no new password',
      ['repository', 'change-password'],
      'no password: set KOPIA_NEW_PASSWORD, give --new-password, or run this on a terminal',
    ],
    [
      'a compression that can only be read',
      ['policy', 'set', '--global', '--compression=lz4'],
      '--compression lz4 can only be read: neither Kopia nor longshore writes it any more; see "longshore policy set --help"',
    ],
    [
      'whether to inherit what',
      ['policy', 'set', '~/source', '--inherit'],
      '--inherit needs a value; see "longshore policy set --help"',
    ],
    ['no change', ['policy', 'set', '--global'], 'no change was asked for'],
  ] as const
).map(([what, args, message, env = {}]) => ({ what, args, message, env }));

function here(text: string): string {
  return text.replaceAll('~', world.folder);
}

/** The one file that holds contents of files. */
function packFile(): string {
  const [pack] = readdirSync(join(repo, 'p'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile(),
  );
  return join(pack!.parentPath, pack!.name);
}

describe('one line says what is wrong, where, and what to do about', () => {
  beforeAll(async () => {
    await world.ok(
      ['repository', 'connect', 'filesystem', `--path=${repo}`, '--no-persist-credentials'],
      { env: { KOPIA_CONFIG_PATH: world.path('unkept.config') } },
    );
  });

  it.each(TABLE)('$what', async ({ args, message, env = {} }) => {
    const stderr = await failure(args.map(here), {
      env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, here(value)])),
    });
    expect(stderr).toBe(`longshore: ${message}\n`);
    for (const name of ['new.config', 'target']) {
      expect(existsSync(world.path(name))).toBe(false);
    }
  });

  it.skipIf(process.getuid?.() === 0)('a file that cannot be read', async () => {
    writeFileSync(world.path('source', 'locked'), 'x', { mode: 0 });
    const { code, stderr } = await world.run(['snapshot', 'create', 'source']);
    expect(code).toBe(1);
    expect(stderr).toContain('Cannot back up locked: ');
    expect(stderr).toMatch(/\nlongshore: Found 1 fatal error\(s\) while snapshotting .*\n$/);
  });
});

describe('damage', () => {
  it('of a pack is found, named, and leaves no half of a file behind', async () => {
    const whole = readFileSync(packFile());
    truncateSync(packFile(), 60_000);
    const verified = await world.run(['snapshot', 'verify']);
    expect(verified.code).toBe(1);
    expect(verified.stderr).toMatch(
      /data: content [0-9a-f]+: ends at \d+, its pack p.* has 60000 bytes/,
    );
    const [snapshot] = await world.json<readonly { readonly id: string }[]>(['snapshot', 'list']);
    const restored = await world.run(['restore', snapshot!.id, 'half']);
    expect(restored.code).toBe(1);
    expect(restored.stderr).toMatch(/\nlongshore: data .*"longshore snapshot verify.*\n$/);
    expect(readdirSync(world.path('half'))).toEqual([]);
    whole[5000]! ^= 1;
    writeFileSync(packFile(), whole);
    const altered = await world.run(['snapshot', 'verify', '--verify-files-percent=100']);
    expect(altered.code).toBe(1);
    expect(altered.stderr).toContain('authentication failed');
  });

  it('of the format blob is named with the way out', async () => {
    const path = join(repo, 'kopia.repository.f');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('scrypt-65536-8-1', 'scrypt-of-tomorrow'));
    expect(await failure(['snapshot', 'list'])).toBe(
      'longshore: kopia.repository: keyAlgo "scrypt-of-tomorrow" is not known to this version\n',
    );
    writeFileSync(path, text.slice(0, 100));
    expect(await failure(['snapshot', 'list'])).toMatch(
      /^longshore: kopia\.repository: not valid JSON at offset \d+; put it back from a copy of the storage\n$/,
    );
    writeFileSync(path, text);
  });
});
