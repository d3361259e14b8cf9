import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { FormatVersion } from '@longshore/repo';
import { createSeededRandom } from '../../packages/repo/src/blob/seeded-random.ts';
import { CLIWorld, type CLIResult } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { asKopiaRestores, describeTree } from '../local-tree.ts';
import { changeTree, createSampleTree } from '../sample-tree.ts';
import { Workspace } from './workspace.ts';

const PASSWORD = 'upgraded by both';
const OWNER = '--upgrade-owner-id=upgrader';
const POISON =
  'n00000000000000000000000000000000-repository_unreadable_by_this_kopia_version_upgrade_required';

/** Kopia hides the command behind a variable. */
const UNHIDDEN = { KOPIA_UPGRADE_LOCK_ENABLED: '1' };
const NO_FORMAT_CACHE = '--disable-repository-format-cache';

/** Nobody else is there, so nobody has to be waited for. */
const QUICKLY = [
  '--allow-unsafe-upgrade',
  '--io-drain-timeout=200ms',
  '--status-poll-interval=100ms',
  '--max-permitted-clock-drift=100ms',
] as const;

const IDENTITY = ['--override-username=tester', '--override-hostname=kopia-host'] as const;

const kopiaBinary = findKopia();

/** A repository in a folder that both programs use, each with a connection of its own. */
class SharedRepository implements Disposable {
  readonly path: string;
  readonly tree: string;
  readonly #work: Workspace = new Workspace('upgrade');
  readonly #ours: CLIWorld = new CLIWorld();

  private constructor() {
    this.path = this.#work.folder('repo');
    this.tree = this.#work.folder('data');
    createSampleTree(this.tree, { seed: 11, files: 6, largestFile: 4000 });
  }

  /** With snapshots by its creator. */
  static async create(
    creator: 'kopia' | 'longshore',
    version: FormatVersion,
  ): Promise<SharedRepository> {
    const shared = new SharedRepository();
    if (creator === 'kopia') {
      const flags = [`--format-version=${version}`];
      const { path } = shared;
      await using kopia = await KopiaClient.create({ ...shared.#kopiaOptions(), path, flags });
      for (let i = 0; i < 3; i++) {
        await kopia.snapshot(shared.tree);
        changeTree(shared.tree, createSeededRandom(i));
      }
      await shared.connect();
    } else {
      const flags = [`--format-version=${version}`, ...IDENTITY];
      await shared.longshore('repository', 'create', 'filesystem', '--path', shared.path, ...flags);
      for (let i = 0; i < 3; i++) {
        await shared.longshore('snapshot', 'create', shared.tree);
        changeTree(shared.tree, createSeededRandom(i));
      }
    }
    return shared;
  }

  async connect(): Promise<void> {
    const flags = ['--path', this.path, ...IDENTITY];
    await this.longshore('repository', 'connect', 'filesystem', ...flags);
  }

  #kopiaOptions(): { readonly binary: string; readonly password: string } {
    return { binary: kopiaBinary!, password: PASSWORD };
  }

  /** A client that has cached nothing. */
  kopia(...flags: readonly string[]): Promise<KopiaClient> {
    return KopiaClient.connect({ ...this.#kopiaOptions(), path: this.path, flags });
  }

  async kopiaUpgrade(...args: readonly string[]): Promise<void> {
    await using kopia = await this.kopia(OWNER);
    await kopia.runWith(
      { KOPIA_UPGRADE_LOCK_ENABLED: '1' },
      'repository',
      'upgrade',
      ...args,
      OWNER,
    );
  }

  longshore(...args: readonly string[]): Promise<CLIResult> {
    return this.#ours.ok(args, { env: { KOPIA_PASSWORD: PASSWORD } });
  }

  tryLongshore(...args: readonly string[]): Promise<CLIResult> {
    return this.#ours.run(args, { env: { KOPIA_PASSWORD: PASSWORD } });
  }

  async version(): Promise<number> {
    return (await this.format()).version;
  }

  async format(): Promise<{ readonly version: number }> {
    const { stdout } = await this.longshore('repository', 'status', '--json');
    return (JSON.parse(stdout) as { contentFormat: { version: number } }).contentFormat;
  }

  blobs(): readonly string[] {
    return readdirSync(this.path, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.f'))
      .map((name) => name.replaceAll('/', '').slice(0, -'.f'.length));
  }

  /** Both read everything. */
  async expectReadable(): Promise<void> {
    await using kopia = await this.kopia();
    await kopia.verify();
    await this.longshore('snapshot', 'verify', '--verify-files-percent=100');
  }

  /** Both read everything, write on, maintain, and restore what the other wrote. */
  async expectBothContent(): Promise<void> {
    await using kopia = await this.kopia();
    await kopia.verify();
    await kopia.run('content', 'verify', '--full');
    await this.longshore('snapshot', 'verify', '--verify-files-percent=100');
    changeTree(this.tree, createSeededRandom(99));
    const theirs = await kopia.snapshot(this.tree);
    await this.longshore('maintenance', 'run', '--full');
    await kopia.run('maintenance', 'run', '--full', '--safety=none');
    await this.longshore('maintenance', 'run', '--full', '--safety=none');
    const expected = asKopiaRestores(await describeTree(this.tree));
    const restored = this.#work.unused('restored');
    await this.longshore('snapshot', 'restore', theirs.id, restored);
    expect(asKopiaRestores(await describeTree(restored))).toEqual(expected);
    changeTree(this.tree, createSeededRandom(100));
    await this.longshore('snapshot', 'create', this.tree);
    const [latest] = (await kopia.snapshots()).toSorted((a, b) =>
      a.startTime < b.startTime ? 1 : -1,
    );
    await kopia.run('snapshot', 'restore', latest!.id, this.#work.unused('by kopia'));
    expect(asKopiaRestores(await describeTree(this.#work.unused('by kopia')))).toEqual(
      asKopiaRestores(await describeTree(this.tree)),
    );
    await kopia.verify();
  }

  [Symbol.dispose](): void {
    this.#ours[Symbol.dispose]();
    this.#work[Symbol.dispose]();
  }
}

describe.skipIf(isKopiaMissing(kopiaBinary, 'upgrades beside Kopia', 19))('an upgrade', () => {
  it.each([
    ['kopia', 1],
    ['kopia', 2],
    ['longshore', 1],
    ['longshore', 2],
  ] as const)(
    'by longshore of what %s created with format version %i is one for Kopia',
    async (creator, version) => {
      using shared = await SharedRepository.create(creator, version);
      const { stderr } = await shared.longshore('repository', 'upgrade', 'begin', ...QUICKLY);
      expect(stderr).toContain('The repository has been upgraded.');
      expect(await shared.version()).toBe(3);
      expect(shared.blobs()).toContain(POISON);
      await shared.expectBothContent();
      const again = await shared.longshore('repository', 'upgrade', 'begin', ...QUICKLY);
      expect(again.stderr).toContain('has the newest format already');
    },
  );

  it.each([
    ['kopia', 1],
    ['longshore', 1],
    ['longshore', 2],
  ] as const)(
    'by Kopia of what %s created with format version %i is one for longshore',
    async (creator, version) => {
      using shared = await SharedRepository.create(creator, version);
      await shared.kopiaUpgrade('begin', ...QUICKLY);
      expect(await shared.version()).toBe(3);
      await shared.expectBothContent();
    },
  );

  it.each([
    ['longshore', 'kopia', 1],
    ['kopia', 'kopia', 1],
    ['kopia', 'longshore', 1],
    ['longshore', 'kopia', 2],
  ] as const)(
    'as a parameter that %s sets gives what %s created with format version %i version 2, and epochs',
    async (who, creator, version) => {
      using shared = await SharedRepository.create(creator, version);
      const flags = ['repository', 'set-parameters', '--upgrade', '--max-pack-size-mb=30'];
      if (who === 'longshore') await shared.longshore(...flags);
      else {
        await using kopia = await shared.kopia();
        await kopia.run(...flags);
      }
      expect(await shared.format()).toMatchObject({
        version: 2,
        indexVersion: 2,
        maxPackSize: 30 * 2 ** 20,
        epochParameters: { Enabled: true },
      });
      if (version === 1) expect(shared.blobs()).toContain(POISON);
      await shared.expectBothContent();
    },
  );

  describe.each(['--lock-only', '--commit-mode=never'] as const)('that stops with %s', (stop) => {
    it('keeps longshore out and is finished by it, if Kopia began it', async () => {
      using shared = await SharedRepository.create('kopia', 1);
      await shared.kopiaUpgrade('begin', stop, ...QUICKLY);
      const refused = await shared.tryLongshore('snapshot', 'list');
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('locked for an upgrade by upgrader');
      await shared.longshore('repository', 'upgrade', 'begin', ...QUICKLY, OWNER);
      expect(await shared.version()).toBe(3);
      await shared.expectBothContent();
    });

    it('is taken back by longshore, if Kopia began it', async () => {
      using shared = await SharedRepository.create('kopia', 1);
      await shared.kopiaUpgrade('begin', stop, ...QUICKLY);
      const unsure = await shared.tryLongshore('repository', 'upgrade', 'rollback', OWNER);
      expect(unsure.stderr).toContain('--force');
      await shared.longshore('repository', 'upgrade', 'rollback', '--force', OWNER);
      expect(await shared.version()).toBe(1);
      expect(shared.blobs().filter((name) => /^(?:x|kopia\.repository\.)/.test(name))).toEqual([]);
      await shared.expectBothContent();
    });

    it('keeps Kopia out and is finished by it, if longshore began it', async () => {
      using shared = await SharedRepository.create('longshore', 1);
      // Kopia connects to no locked repository, not even as the owner of the lock.
      await using kopia = await shared.kopia(NO_FORMAT_CACHE);
      await shared.longshore('repository', 'upgrade', 'begin', stop, ...QUICKLY, OWNER);
      await expect(kopia.run('snapshot', 'list', '--upgrade-no-block')).rejects.toThrow(/upgrade/);
      const { stderr } = await shared.longshore('repository', 'upgrade', 'validate', OWNER);
      expect(stderr).toContain(stop === '--lock-only' ? 'nothing to compare' : 'all as they were');
      await kopia.runWith(UNHIDDEN, 'repository', 'upgrade', 'begin', ...QUICKLY, OWNER);
      expect(await shared.version()).toBe(3);
      await shared.expectBothContent();
    });

    it('is taken back by Kopia, if longshore began it, and does not come back', async () => {
      using shared = await SharedRepository.create('longshore', 1);
      await using kopia = await shared.kopia(NO_FORMAT_CACHE);
      await shared.longshore('repository', 'upgrade', 'begin', stop, ...QUICKLY, OWNER);
      await kopia.runWith(UNHIDDEN, 'repository', 'upgrade', 'rollback', '--force', OWNER);
      expect(await shared.version()).toBe(1);
      await shared.expectReadable();
      // Kopia leaves the epochs that were not committed.
      expect(shared.blobs().some((name) => name.startsWith('xn0_'))).toBe(stop !== '--lock-only');
      await shared.longshore('repository', 'upgrade', 'begin', ...QUICKLY);
      await shared.expectBothContent();
    });
  });
});
