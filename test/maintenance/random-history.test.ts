import { type RepositoryWriter } from '@longshore/repo';
import { maintainRepository, type SnapshotManifest } from '@longshore/snapshot';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  DAY,
  HOUR,
  snapshotFiles,
  uniqueText,
  VirtualRepository,
  type Files,
} from './virtual-repository.ts';

const WRITERS = 3;

type Step =
  | { readonly kind: 'begin'; readonly writer: number; readonly texts: readonly number[] }
  | { readonly kind: 'commit'; readonly writer: number }
  | { readonly kind: 'kill'; readonly writer: number }
  | { readonly kind: 'delete'; readonly pick: number }
  | { readonly kind: 'maintain'; readonly mode: 'quick' | 'full' }
  | { readonly kind: 'wait'; readonly hours: number };

const writer = fc.nat(WRITERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('begin' as const),
    writer,
    texts: fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }),
  }),
  { arbitrary: fc.record({ kind: fc.constant('commit' as const), writer }), weight: 2 },
  fc.record({ kind: fc.constant('kill' as const), writer }),
  fc.record({ kind: fc.constant('delete' as const), pick: fc.nat() }),
  {
    arbitrary: fc.record({
      kind: fc.constant('maintain' as const),
      mode: fc.constantFrom('quick' as const, 'full' as const),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      hours: fc.constantFrom(1, 3, 5, 20, 25, 50),
    }),
    weight: 3,
  },
);

/** Maintenance promises nothing for longer: its two collections lie four hours apart at least. */
const LONGEST_UPLOAD = 4n * HOUR;

/** What the repository must hold, by simple rules, beside the repository itself. */
class History {
  readonly virtual: VirtualRepository;
  readonly #live = new Map<
    string,
    { readonly snapshot: SnapshotManifest; readonly files: Files }
  >();
  readonly #open = new Map<
    number,
    {
      readonly writer: RepositoryWriter;
      readonly snapshot: SnapshotManifest;
      readonly files: Files;
      readonly begun: bigint;
    }
  >();

  constructor(virtual: VirtualRepository) {
    this.virtual = virtual;
  }

  async apply(next: Step): Promise<void> {
    switch (next.kind) {
      case 'begin': {
        if (this.#open.has(next.writer)) return;
        const client = await this.virtual.open(`writer${next.writer}`);
        const session = client.newWriter();
        const files = Object.fromEntries(next.texts.map((n) => [`f${n}`, uniqueText(`text ${n}`)]));
        const snapshot = await snapshotFiles(session, files, `/${next.writer}`);
        const begun = this.virtual.time.clock();
        this.#open.set(next.writer, { writer: session, snapshot, files, begun });
        return;
      }
      case 'commit': {
        const open = this.#open.get(next.writer);
        this.#open.delete(next.writer);
        if (open === undefined || this.virtual.time.clock() - open.begun > LONGEST_UPLOAD) return;
        await open.writer.flush();
        this.#live.set(open.snapshot.id, open);
        return;
      }
      case 'kill':
        this.#open.delete(next.writer);
        return;
      case 'delete': {
        const all = [...this.#live.values()];
        const victim = all[next.pick % Math.max(1, all.length)];
        if (victim === undefined) return;
        await this.virtual.deleteSnapshot(victim.snapshot);
        this.#live.delete(victim.snapshot.id);
        return;
      }
      case 'maintain':
        await this.virtual.maintain({ mode: next.mode });
        return;
      case 'wait':
        this.virtual.time.advance(BigInt(next.hours) * HOUR);
    }
  }

  async check(): Promise<void> {
    const stored = await this.virtual.read();
    for (const [id, { files }] of this.#live) expect(stored.get(id)).toEqual(files);
    expect(stored.size).toBe(this.#live.size);
  }

  /** Nothing is needed any more: nearly nothing must be left. */
  async end(): Promise<void> {
    for (const { snapshot } of this.#live.values()) await this.virtual.deleteSnapshot(snapshot);
    this.#live.clear();
    await using owner = await this.virtual.open();
    for (let day = 0; day < 12; day++) {
      this.virtual.time.advance(DAY);
      await maintainRepository(owner, { mode: 'auto' });
    }
    const left = [...owner.contents.iterateContents({ includeDeleted: true })];
    expect(left.filter(({ contentID }) => !contentID.startsWith('m'))).toEqual([]);
    expect(await this.virtual.names('s')).toEqual([]);
    const packs = [...(await this.virtual.names('p')), ...(await this.virtual.names('q'))];
    expect(packs.filter((name) => name.startsWith('p'))).toEqual([]);
    expect(packs.length).toBeLessThan(12);
  }
}

it.each([1, 3] as const)(
  'whatever happens, live snapshots restore and space comes back, format version %i',
  async (version) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
        const history = new History(await VirtualRepository.create({ version }));
        for (const next of steps) {
          await history.apply(next);
          if (next.kind === 'maintain' || next.kind === 'commit') await history.check();
        }
        await history.end();
      }),
      { numRuns: Number(process.env['HISTORY_RUNS'] ?? 12) },
    );
  },
);
