import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LongshoreError, type BlobStorage } from '@longshore/repo';
import { commandTree } from '../../packages/cli/src/command-tree.ts';
import { GLOBAL_FLAGS } from '../../packages/cli/src/global-flags.ts';
import { listCommands } from '../../packages/cli/src/grammar/help.ts';
import { parseCommandLine } from '../../packages/cli/src/grammar/parse.ts';
import { UsageError } from '../../packages/cli/src/grammar/usage-error.ts';
import { runCommandLine } from '../../packages/cli/src/run.ts';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';

/** What the storage refuses: nothing, deletions (a key that may only append), or every new byte. */
type Refusal = 'nothing' | 'deletions' | 'bytes';

const storage = vi.hoisted(() => ({ refuses: 'nothing' as Refusal }));

vi.mock('@longshore/repo/node', async (importOriginal) => {
  const original = await importOriginal<typeof import('@longshore/repo/node')>();
  const { rememberingKeys } = await import('../remembered-keys.ts');
  const algorithms = rememberingKeys(original.nativeAlgorithms());
  return {
    ...original,
    nativeAlgorithms: () => algorithms,
    openFilesystemStorage: async (...options: Parameters<typeof original.openFilesystemStorage>) =>
      refusing(await original.openFilesystemStorage(...options)),
  };
});

function refusing(inner: BlobStorage): BlobStorage {
  return decorateStorage(inner, {
    async deleteBlob(id, options) {
      if (storage.refuses === 'deletions') {
        throw new LongshoreError('ACCESS_DENIED', `cannot delete blob ${id}: permission denied`);
      }
      await inner.deleteBlob(id, options);
    },
    async putBlob(id, data, options) {
      if (storage.refuses === 'bytes') {
        throw new LongshoreError('NO_SPACE', `cannot write blob ${id}: no space left on device`);
      }
      return inner.putBlob(id, data, options);
    },
  });
}

const folder = mkdtempSync(join(tmpdir(), 'longshore-failures-'));
const repo = join(folder, 'repo');
const saved = `${folder}.saved`;
const tree = join(folder, 'tree');
const other = join(folder, 'other');

interface Ending {
  readonly code: number;
  readonly stdout: string;
  /** Lines of standard error. */
  readonly lines: readonly string[];
}

async function run(args: readonly string[]): Promise<Ending> {
  const written = { stdout: '', stderr: '' };
  const capture = (name: 'stdout' | 'stderr') =>
    vi.spyOn(process[name], 'write').mockImplementation((piece) => {
      written[name] += Buffer.from(piece as Uint8Array).toString();
      return true;
    });
  const spies = [capture('stdout'), capture('stderr')];
  try {
    const code = await runCommandLine([...args, '--exit-codes=detailed']);
    const lines = written.stderr.split('\n').filter((line) => line !== '');
    return { code, stdout: written.stdout, lines };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, lines } = await run(args);
  expect({ args, code, lines: code === 0 ? [] : lines }).toEqual({ args, code: 0, lines: [] });
  return stdout;
}

/** Names that stand for what a repository holds. */
const names = { snapshot: '', content: '', pack: '', manifest: '', index: '' };

/** One use of each command that needs a repository, and how it ends where the storage refuses something. */
interface Use {
  readonly args: readonly string[];
  /** Ends with the error of a storage that refuses to delete; else it works. */
  readonly deletes?: boolean;
  /** Ends with the error of a storage that is full; else it works. */
  readonly writes?: boolean;
  /** Ends with this code in any case: here it has nothing to do. */
  readonly refused?: number;
}

const DANGEROUS = '--dangerous-commands=enabled';

function uses(): Readonly<Record<string, Use>> {
  const { snapshot, content, pack, manifest, index } = names;
  return {
    'repository status': { args: [] },
    'repository change-password': { args: ['--new-password=other'], writes: true },
    'repository set-parameters': { args: ['--max-pack-size-mb=30'], writes: true },
    'repository sync-to filesystem': { args: [`--path=${other}`], writes: true },
    'repository upgrade begin': { args: [] },
    'repository upgrade rollback': { args: ['--force'], refused: 2 },
    'repository upgrade validate': { args: [] },
    'repository throttle get': { args: [] },
    'repository set-client': { args: ['--description=other'] },
    'repository throttle set': { args: ['--upload-bytes-per-second=1000'] },
    'snapshot create': { args: [tree], writes: true },
    'snapshot list': { args: ['--all'] },
    'snapshot restore': { args: [snapshot, join(folder, 'restored')] },
    'snapshot verify': { args: [] },
    'snapshot delete': { args: [snapshot, '--delete'], writes: true },
    'snapshot expire': { args: ['--all', '--delete'] },
    'snapshot pin': { args: [snapshot, '--add=kept'], writes: true },
    'snapshot estimate': { args: [tree] },
    'snapshot copy-history': { args: [tree, 'other@host:/there'], writes: true },
    'snapshot move-history': { args: [tree, 'other@host:/there'], writes: true },
    'snapshot fix invalid-files': { args: ['--commit'] },
    'snapshot fix remove-files': { args: ['--filename=one', '--commit'], writes: true },
    restore: { args: [snapshot, join(folder, 'restored')] },
    list: { args: [snapshot] },
    show: { args: [`${snapshot}/one`] },
    diff: { args: [snapshot, snapshot] },
    verify: { args: ['--every-byte-within=30d'], writes: true },
    'policy list': { args: [] },
    'policy show': { args: ['--global'] },
    'policy set': { args: ['--global', '--keep-latest=7'], writes: true },
    'policy delete': { args: [tree], writes: true },
    'policy export': { args: [] },
    'maintenance info': { args: [] },
    'maintenance run': { args: ['--full', '--safety=none'], deletes: true, writes: true },
    'maintenance set': { args: ['--full-interval=5h'], writes: true },
    doctor: { args: [] },
    'manifest list': { args: [] },
    'manifest show': { args: [manifest] },
    'manifest delete': { args: [manifest, DANGEROUS], writes: true },
    'content list': { args: [] },
    'content show': { args: [content] },
    'content stats': { args: [] },
    'content verify': { args: [] },
    'content rewrite': { args: [content, '--safety=none', DANGEROUS], writes: true },
    'content delete': { args: [content, DANGEROUS], writes: true },
    'blob list': { args: [] },
    'blob show': { args: [pack] },
    'blob stats': { args: [] },
    'blob gc': {
      args: ['--delete=yes', '--safety=none', DANGEROUS],
      deletes: true,
      writes: true,
    },
    'blob delete': { args: [pack, DANGEROUS], deletes: true },
    'index list': { args: [] },
    'index epoch list': { args: [] },
    'index inspect': { args: [index] },
    'index recover': { args: ['--commit', DANGEROUS], writes: true },
    'index optimize': { args: [DANGEROUS] },
    'session list': { args: [] },
    'logs list': { args: [] },
    'logs show': { args: [], refused: 31 },
    'logs cleanup': { args: [] },
    'cache info': { args: [] },
    'cache clear': { args: [] },
    'cache sync': { args: [] },
    'cache prefetch': { args: [snapshot] },
    'cache set': { args: ['--content-cache-size-mb=100'] },
  };
}

/** These need no repository, one that is elsewhere, or somebody at the keyboard. */
const OTHER_COMMANDS =
  /^(?:help|quickstart|repository (?:connect|create|repair|disconnect|heal|validate-provider)|repository sync-to s3|snapshot migrate|mount|policy (?:edit|import)|blob shards|benchmark|completion)\b/;

beforeAll(async () => {
  for (const path of [tree, other]) mkdirSync(path);
  writeFileSync(join(tree, 'one'), Buffer.alloc(50_000, 1));
  writeFileSync(join(tree, 'two'), 'two');
  vi.stubEnv('KOPIA_CONFIG_PATH', join(folder, 'repository.config'));
  vi.stubEnv('KOPIA_PASSWORD', 'secret');
  vi.stubEnv('KOPIA_LOG_DIR', join(folder, 'logs'));
  vi.stubEnv('HOME', join(folder, 'home'));
  await ok(['repository', 'create', 'filesystem', `--path=${repo}`]);
  await ok(['policy', 'set', tree, '--keep-latest=3']);
  for (const text of ['first', 'second']) {
    writeFileSync(join(tree, 'text'), text);
    await ok(['snapshot', 'create', tree]);
  }
  const [snapshot] = JSON.parse(await ok(['snapshot', 'list', '--json'])) as [{ id: string }];
  names.snapshot = snapshot.id;
  names.content = (await ok(['content', 'list'])).split('\n').find((id) => /^[0-9a-f]/.test(id))!;
  names.pack = blobs(await ok(['blob', 'list', '--json'])).find((id) => id.startsWith('p'))!;
  names.index = blobs(await ok(['blob', 'list', '--json'])).find((id) => id.startsWith('xn'))!;
  names.manifest = (
    JSON.parse(await ok(['manifest', 'list', '--json'])) as {
      id: string;
      labels: { type: string };
    }[]
  ).find(({ labels }) => labels.type === 'policy')!.id;
  writeFileSync(join(tree, 'text'), 'third');
  cpSync(folder, saved, { recursive: true, preserveTimestamps: true });
}, 120_000);

afterAll(() => {
  vi.unstubAllEnvs();
  for (const path of [folder, saved]) rmSync(path, { recursive: true, force: true });
});

function blobs(json: string): readonly string[] {
  return (JSON.parse(json) as readonly { readonly id: string }[]).map(({ id }) => id);
}

function filesOf(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' });
}

/** Everything as it was before any of the commands. */
function reset(): void {
  storage.refuses = 'nothing';
  rmSync(folder, { recursive: true, force: true });
  cpSync(saved, folder, { recursive: true, preserveTimestamps: true });
}

async function commandPaths(): Promise<readonly string[]> {
  const commands = await listCommands(commandTree, [], { full: true });
  return commands.map(({ path }) => path.join(' '));
}

it('every command is in the table, or known to stand apart', async () => {
  const tabled = uses();
  const missing = (await commandPaths()).filter(
    (path) => tabled[path] === undefined && !OTHER_COMMANDS.test(path),
  );
  expect(missing).toEqual([]);
});

describe('wrong arguments', () => {
  it('of every command: a flag that nobody knows ends in one line with the help to look at', async () => {
    for (const path of await commandPaths()) {
      const { code, stdout, lines } = await run([...path.split(' '), '--no-such-flag']);
      expect({ path, code, stdout }).toEqual({ path, code: 2, stdout: '' });
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(
        `unknown flag --no-such-flag of ${path}; see "longshore ${path} --help"`,
      );
    }
  });

  it('of every flag: a value that is none is refused by the name of the flag', async () => {
    let refusals = 0;
    for (const { path, command } of await listCommands(commandTree, [], { full: true })) {
      for (const name of Object.keys(command.flags)) {
        try {
          const options = { root: commandTree, globalFlags: GLOBAL_FLAGS, env: {} };
          (await parseCommandLine([...path, `--${name}=@@`], options)).input();
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          if (String(error).includes(`--${name}`)) refusals += 1;
        }
      }
    }
    expect(refusals).toBeGreaterThan(100);
  });

  it.each(
    [
      ['snapshot', 'delete', 'nonsense', '--delete'],
      ['snapshot', 'pin', 'nonsense', '--add=x'],
      ['restore', 'nonsense', '/tmp/never-made'],
      ['list', 'nonsense'],
      ['show', 'nonsense'],
      ['diff', 'nonsense', 'nonsense'],
      ['manifest', 'show', 'nonsense'],
      ['content', 'show', 'nonsense'],
      ['blob', 'show', 'nonsense'],
      ['index', 'inspect', 'nonsense'],
      ['snapshot', 'create', '/nowhere/at/all'],
      ['snapshot', 'estimate', '/nowhere/at/all'],
    ].map((args) => [args.join(' '), args] as const),
  )('%s ends in one line and a code of its own', async (_, args) => {
    const { code, lines } = await run(args);
    expect(code).toBeGreaterThan(1);
    const [line, ...more] = lines.filter((text) => text.startsWith('longshore: '));
    expect(more).toEqual([]);
    expect(line).not.toContain('internal error');
    expect(existsSync('/tmp/never-made')).toBe(false);
  });
});

const LOCAL = /^(?:repository (?:throttle|set-client)|cache|logs|snapshot estimate)/;

describe('whatever the storage refuses', () => {
  const commands = Object.keys(uses());

  it.each(commands)('%s says so when the repository has vanished', async (command) => {
    reset();
    rmSync(repo, { recursive: true });
    const { code, lines } = await run([...command.split(' '), ...uses()[command]!.args]);
    if (!(code === 0 && LOCAL.test(command))) {
      expect({ code, lines }).toEqual({ code: 20, lines: [expect.stringContaining(repo)] });
    }
    expect(existsSync(repo)).toBe(false);
  });

  it.each(commands)('%s loses nothing where it may not delete', async (command) => {
    reset();
    const before = filesOf(repo);
    storage.refuses = 'deletions';
    const { args, deletes = false, refused = 0 } = uses()[command]!;
    const { code, lines } = await run([...command.split(' '), ...args]);
    expect({ code, lines: code === refused ? [] : lines }).toEqual(
      deletes
        ? {
            code: 22,
            lines: expect.arrayContaining([expect.stringContaining('permission denied')]),
          }
        : { code: refused, lines: [] },
    );
    storage.refuses = 'nothing';
    const after = new Set(filesOf(repo));
    expect(before.filter((name) => !after.has(name))).toEqual([]);
    if (!/change-password|content delete/.test(command)) await ok(VERIFY);
  });

  it.each(commands)('%s loses nothing where the storage is full', async (command) => {
    reset();
    storage.refuses = 'bytes';
    const { args, writes = false, refused = 0 } = uses()[command]!;
    const { code, lines } = await run([...command.split(' '), ...args]);
    expect({ code, lines: code === refused ? [] : lines }).toEqual(
      writes
        ? { code: 23, lines: expect.arrayContaining([expect.stringContaining('no space left')]) }
        : { code: refused, lines: [] },
    );
    storage.refuses = 'nothing';
    if (command === 'blob delete') return;
    expect(JSON.parse(await ok(['snapshot', 'list', '--all', '--json']))).toHaveLength(2);
    await ok(VERIFY);
  });
});

const VERIFY = ['snapshot', 'verify', '--verify-files-percent=100'];
