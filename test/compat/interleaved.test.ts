import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import type { FormatVersion } from '@longshore/repo';
import { createSeededRandom } from '../../packages/repo/src/blob/seeded-random.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { asKopiaRestores, describeTree } from '../local-tree.ts';
import { LongshoreClient } from '../longshore.ts';
import { changeTree, createSampleTree } from '../sample-tree.ts';
import { Workspace } from './workspace.ts';

const PASSWORD = 'taking turns';
const SOURCE = { userName: 'tester', host: 'kopia-host', path: '/data' };
const OVERRIDE = '--override-source=tester@kopia-host:/data';
/** `LONGSHORE_COMPAT=full` takes its time. */
const OPERATIONS = process.env['LONGSHORE_COMPAT'] === 'full' ? 200 : 30;
const VERIFY_AFTER = 10;

/** `LONGSHORE_SEED` runs another sequence. */
const SEED = Number(process.env['LONGSHORE_SEED'] ?? 1);

const kopiaBinary = findKopia();
const VERSIONS: readonly FormatVersion[] = [1, 2, 3];

/** One repository, used by Kopia and longshore in turns. */
class SharedRepository {
  readonly kopia: KopiaClient;
  readonly ours: LongshoreClient;
  readonly tree: string;
  readonly #random: () => number;

  constructor(kopia: KopiaClient, ours: LongshoreClient, tree: string) {
    this.kopia = kopia;
    this.ours = ours;
    this.tree = tree;
    this.#random = createSeededRandom(SEED);
  }

  /** Does something and says what. */
  async step(): Promise<string> {
    const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
      [
        'Kopia takes a snapshot',
        () => this.#change(() => this.kopia.snapshot(this.tree, OVERRIDE)),
      ],
      [
        'longshore takes a snapshot',
        () => this.#change(() => this.ours.snapshot(this.tree, SOURCE)),
      ],
      ['both take a snapshot', () => this.#bothTake()],
      ['Kopia deletes a snapshot', () => this.#kopiaDeletes()],
      ['longshore deletes a snapshot', () => this.#oursDeletes()],
      ['Kopia verifies', () => this.kopia.verify()],
      ['longshore verifies', () => this.verifyHere()],
      ['Kopia maintains', () => this.kopia.run('maintenance', 'run', '--full', '--safety=none')],
      ['longshore maintains', () => this.ours.maintain()],
    ];
    const [name, run] = steps[Math.floor(this.#random() * steps.length)]!;
    await run();
    return name;
  }

  /** By start: for both the same, member by member. */
  async listedByKopia(): Promise<readonly unknown[]> {
    const listed = await this.kopia.snapshots();
    return listed.map(({ id, rootEntry }) => ({ id, root: rootEntry.obj })).sort(byID);
  }

  async listedHere(): Promise<readonly unknown[]> {
    const listed = await this.ours.snapshots();
    return listed.map(({ id, rootEntry }) => ({ id, root: rootEntry!.objectID })).sort(byID);
  }

  async verifyHere(): Promise<void> {
    assert.deepEqual((await this.ours.verify()).errors, []);
  }

  async #change(then: () => Promise<unknown>): Promise<void> {
    changeTree(this.tree, this.#random);
    await then();
  }

  async #bothTake(): Promise<void> {
    changeTree(this.tree, this.#random);
    const here = async (): Promise<string> => {
      await this.ours.repository.refresh();
      return (await this.ours.snapshot(this.tree, SOURCE)).snapshot!.rootEntry!.objectID!;
    };
    const there = async (): Promise<string> =>
      (await this.kopia.snapshot(this.tree, OVERRIDE)).rootEntry.obj;
    const [first, second] = this.#random() < 0.5 ? [here, there] : [there, here];
    assert.equal(await second(), await first(), 'the same tree has the same root object');
  }

  async #kopiaDeletes(): Promise<void> {
    const listed = await this.kopia.snapshots();
    if (listed.length < 2) return;
    const { id } = listed[Math.floor(this.#random() * listed.length)]!;
    await this.kopia.run('snapshot', 'delete', id, '--delete');
  }

  async #oursDeletes(): Promise<void> {
    const listed = await this.ours.snapshots();
    if (listed.length < 2) return;
    const { id } = listed[Math.floor(this.#random() * listed.length)]!;
    await this.ours.deleteSnapshot(id);
  }
}

function byID(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

describe.skipIf(isKopiaMissing(kopiaBinary, 'taking turns with Kopia', VERSIONS.length))(
  'a repository that Kopia and longshore use in turns',
  () => {
    it.each(VERSIONS)(
      `stays whole through ${OPERATIONS} operations in format version %i (seed ${SEED})`,
      async (version) => {
        using work = new Workspace('interleaved');
        const path = work.folder('repo');
        const tree = work.folder('data');
        createSampleTree(tree, { seed: SEED, files: 20 });
        const client = { binary: kopiaBinary!, path, password: PASSWORD };
        const flags = [`--format-version=${version}`, '--object-splitter=DYNAMIC-128K-BUZHASH'];
        await using kopia = await KopiaClient.create({ ...client, flags });
        await using ours = await LongshoreClient.open({ path, password: PASSWORD });
        const shared = new SharedRepository(kopia, ours, tree);
        const log: string[] = [];
        for (let i = 0; i < OPERATIONS; i++) {
          log.push(await shared.step());
          const [here, there] = [await shared.listedHere(), await shared.listedByKopia()];
          expect({ log, listed: here }).toEqual({ log, listed: there });
          if (log.length % VERIFY_AFTER !== 0) continue;
          await kopia.verify();
          await shared.verifyHere();
        }
        const { snapshot } = await ours.snapshot(tree, SOURCE);
        const expected = await describeTree(tree);
        await kopia.run('snapshot', 'restore', snapshot!.id, work.unused('by-kopia'));
        const byKopia = await describeTree(work.unused('by-kopia'));
        expect(asKopiaRestores(byKopia)).toEqual(asKopiaRestores(expected));
        await ours.restore(snapshot!, work.unused('by-longshore'));
        expect(await describeTree(work.unused('by-longshore'))).toEqual(expected);
      },
      OPERATIONS * 30_000,
    );
  },
);
