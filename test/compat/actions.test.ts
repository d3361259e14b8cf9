import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';

const kopiaBinary = findKopia();

interface Created {
  readonly rootEntry: { readonly obj: string };
}

interface Listed {
  readonly entries: readonly { readonly name: string; readonly obj: string }[];
}

/** What each program heard, by its name. */
type Heard = Readonly<Record<string, Readonly<Record<string, string>>>>;

describe.skipIf(isKopiaMissing(kopiaBinary, 'actions against Kopia', 3))('actions', () => {
  const world = new CLIWorld();
  const source = world.path('source');
  const other = world.path('other');
  const heardFolder = world.path('heard');
  let kopia: KopiaClient;

  beforeAll(async () => {
    for (const folder of [`${source}/sub`, `${other}/deep`, heardFolder]) {
      mkdirSync(folder, { recursive: true });
    }
    writeFileSync(`${source}/.kopiaignore`, '*.tmp\n');
    writeFileSync(`${source}/a`, 'a');
    writeFileSync(`${source}/sub/b`, 'b');
    writeFileSync(`${other}/c.tmp`, 'c');
    writeFileSync(`${other}/deep/d`, 'd');
    const path = world.path('repo');
    mkdirSync(path);
    const identity = { userName: 'tester', hostName: 'kopia-host' };
    kopia = await KopiaClient.create({
      binary: kopiaBinary!,
      path,
      password: 'secret',
      flags: ['--enable-actions'],
      ...identity,
    });
    await world.ok([
      'repository',
      'connect',
      'filesystem',
      `--path=${path}`,
      '--enable-actions',
      `--override-username=${identity.userName}`,
      `--override-hostname=${identity.hostName}`,
    ]);
  });

  afterAll(async () => {
    await kopia[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  /** Writes down what it hears, its folder and how it was called; `more` is run after that. */
  async function setAction(path: string, name: string, more = ''): Promise<void> {
    const script = world.path('action.sh');
    writeFileSync(
      script,
      `{ env | grep '^KOPIA_[AS]'; echo "PWD_MODE=$(stat -c %a .)"; echo "ARGS=$#"; ` +
        `echo "SELF=$(stat -c %a "$KOPIA_ACTION.sh")"; } > ${heardFolder}/$KOPIA_ACTION\n${more}\n`,
    );
    await kopia.run('policy', 'set', path, `--${name}-action=${script}`, '--persist-action-script');
  }

  function takeHeard(): Heard {
    const heard = readdirSync(heardFolder).map((name) => {
      const lines = readFileSync(join(heardFolder, name), 'utf8').trim().split('\n');
      const variables = lines.map((line) => line.split(/=(.*)/s).slice(0, 2));
      return [name, Object.fromEntries(variables)];
    });
    for (const name of readdirSync(heardFolder)) rmSync(join(heardFolder, name));
    return Object.fromEntries(heard);
  }

  /** A snapshot by each program: what the programs heard, without what is new each time, and the entries of the root. */
  async function snapshotByBoth(): Promise<
    readonly { readonly heard: Heard; readonly root: string; readonly listed: Listed }[]
  > {
    const results = [];
    for (const create of [
      () => kopia.json<Created>('snapshot', 'create', source),
      () => world.json<Created>(['snapshot', 'create', source]),
    ]) {
      const root = (await create()).rootEntry.obj;
      const heard = Object.entries(takeHeard()).map(([name, variables]) => {
        const { KOPIA_SNAPSHOT_ID: id = '', ...rest } = variables;
        return [name, { ...rest, hasID: /^[0-9a-f]{16}$/.test(id) }];
      });
      const listed = JSON.parse(await kopia.run('show', root)) as Listed;
      results.push({ heard: Object.fromEntries(heard), root, listed });
    }
    return results;
  }

  it('hear the same from both programs', async () => {
    for (const name of ['before-snapshot-root', 'after-snapshot-root']) {
      await setAction(source, name);
    }
    for (const name of ['before-folder', 'after-folder']) await setAction(`${source}/sub`, name);
    const [theirs, ours] = await snapshotByBoth();
    expect(Object.keys(theirs!.heard)).toHaveLength(4);
    expect(ours).toEqual(theirs);
  });

  it('redirect a snapshot to the same tree', async () => {
    const redirect = `echo noise; echo KOPIA_SNAPSHOT_PATH=${other}`;
    await setAction(source, 'before-snapshot-root', redirect);
    const [theirs, ours] = await snapshotByBoth();
    expect(theirs!.heard['after-snapshot-root']).toMatchObject({ KOPIA_SNAPSHOT_PATH: other });
    expect(theirs!.listed.entries.map(({ name }) => name)).toContain('deep');
    expect(ours).toEqual(theirs);
  });

  it('redirect a folder to the same tree, and only Kopia gives it another name', async () => {
    await setAction(source, 'before-snapshot-root');
    await setAction(`${source}/sub`, 'before-folder', `echo KOPIA_SNAPSHOT_PATH=${other}`);
    const [theirs, ours] = await snapshotByBoth();
    expect(ours!.heard).toEqual(theirs!.heard);
    const renamed = theirs!.listed.entries.map((entry) =>
      entry.name === 'other' ? { ...entry, name: 'sub' } : entry,
    );
    expect(renamed).not.toEqual(theirs!.listed.entries);
    expect(ours!.listed.entries).toEqual(renamed);
  });
});
