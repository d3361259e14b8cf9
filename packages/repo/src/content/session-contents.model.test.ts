import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUtf8, equalBytes } from '../bytes.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';
import { hasCode } from '../errors.ts';
import type { FormatVersion } from '../format/parameters.ts';
import {
  encodeContentKey,
  makeContentID,
  type ContentID,
  type ContentPrefix,
} from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import {
  createContentWorld,
  seededBytes,
  type ContentClient,
  type ContentWorld,
} from './content-world.ts';
import type { ContentReader } from './content-reader.ts';
import { recoverPackIndex } from './index/recover.ts';
import type { SessionContents } from './session-contents.ts';

const SECOND = NANOSECONDS_PER_SECOND;
const COMMIT_INTERVAL = 600n * SECOND;
const INDEX_MAX_AGE = 900n * SECOND;
const CLIENTS = 2;
const WRITERS_PER_CLIENT = 2;

interface KnownContent {
  readonly prefix: ContentPrefix;
  readonly data: Uint8Array;
  readonly compressor: 'gzip' | undefined;
}

const CONTENTS: readonly KnownContent[] = [
  { prefix: '', data: new Uint8Array(), compressor: undefined },
  { prefix: '', data: seededBytes(1, 3_000), compressor: undefined },
  { prefix: 'k', data: seededBytes(1, 3_000), compressor: 'gzip' },
  { prefix: '', data: encodeUtf8('words and words and '.repeat(300)), compressor: 'gzip' },
  { prefix: 'k', data: encodeUtf8('words and words and '.repeat(300)), compressor: 'gzip' },
  { prefix: 'm', data: seededBytes(2, 50), compressor: undefined },
  { prefix: '', data: seededBytes(3, 20_000), compressor: undefined },
];

type Operation =
  | { readonly kind: 'write'; readonly writer: number; readonly contents: readonly number[] }
  | {
      readonly kind: 'delete' | 'undelete' | 'rewrite';
      readonly writer: number;
      readonly content: number;
    }
  | { readonly kind: 'deleteAll'; readonly writer: number; readonly contents: readonly number[] }
  | { readonly kind: 'flush'; readonly writer: number }
  | { readonly kind: 'restart'; readonly writer: number }
  | { readonly kind: 'refresh'; readonly client: number }
  | { readonly kind: 'reopen'; readonly client: number }
  | { readonly kind: 'wait' }
  | {
      readonly kind: 'failPut';
      readonly blob: string;
      readonly effect: 'error-before' | 'error-after';
    };

const writerNumber = fc.nat({ max: CLIENTS * WRITERS_PER_CLIENT - 1 });
const contentNumber = fc.nat({ max: CONTENTS.length - 1 });
const someContents = fc.array(contentNumber, { minLength: 1, maxLength: 4 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      writer: writerNumber,
      contents: someContents,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('delete' as const, 'undelete' as const, 'rewrite' as const),
      writer: writerNumber,
      content: contentNumber,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('deleteAll' as const),
      writer: writerNumber,
      contents: someContents,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('flush' as const), writer: writerNumber }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('restart' as const), writer: writerNumber }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('refresh' as const, 'reopen' as const),
      client: fc.nat({ max: CLIENTS - 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'wait' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('failPut' as const),
      blob: fc.constantFrom('s', 'p', 'q'),
      effect: fc.constantFrom('error-before' as const, 'error-after' as const),
    }),
  },
);

/** What a repository knows of a content, as far as contents differ: when it was last changed, and to what. */
interface ModelEntry {
  readonly at: bigint;
  readonly deleted: boolean;
}
type ModelIndex = Map<ContentID, ModelEntry>;

interface ModelClient {
  client: ContentClient;
  view: ModelIndex;
  refreshedAt: bigint;
}

interface ModelWriter {
  readonly owner: ModelClient;
  writer: SessionContents;
  pending: ModelIndex;
  /** When the first change came that waits to be committed. */
  began: bigint;
}

/** Runs operations on the real thing and on maps. Time moves before each one, so that no two entries tie. */
class Simulation {
  readonly #world: ContentWorld;
  readonly #ids: readonly ContentID[];
  readonly #clients: ModelClient[] = [];
  readonly #writers: ModelWriter[] = [];
  readonly #committed: ModelIndex = new Map();

  private constructor(world: ContentWorld) {
    this.#world = world;
    this.#ids = CONTENTS.map(({ prefix, data }) =>
      makeContentID(prefix, world.kernel.hash([data])[0]!),
    );
  }

  static async create(version: FormatVersion): Promise<Simulation> {
    const world = await createContentWorld({ version, maxPackSize: 12_000 });
    const simulation = new Simulation(world);
    for (let i = 0; i < CLIENTS; i++) {
      const owner = await simulation.#openClient();
      simulation.#clients.push(owner);
      for (let j = 0; j < WRITERS_PER_CLIENT; j++)
        simulation.#writers.push(simulation.#newWriter(owner));
    }
    return simulation;
  }

  async run(next: Operation): Promise<void> {
    this.#world.time.advance(2n * SECOND);
    if ('writer' in next) return this.#runOnWriter(this.#writers[next.writer]!, next);
    if (next.kind === 'refresh') return this.#refresh(this.#clients[next.client]!);
    if (next.kind === 'reopen') return this.#reopen(this.#clients[next.client]!);
    if (next.kind === 'wait') return this.#world.time.advance(700n * SECOND);
    const { blob: idPrefix, effect: kind } = next;
    this.#world.storage.addFault({ operation: 'put', idPrefix, fault: { kind } });
  }

  /** Everything that a reader can see, of each writer and of the storage, is what the model says. */
  async check(): Promise<void> {
    for (const target of this.#writers) {
      const { pending, owner } = target;
      const expected = new Map([...owner.view, ...this.#newer(pending, owner.view)]);
      this.#checkEntries(target.writer, expected);
      await this.#attempt(target, async () => {
        for (const [index, id] of this.#ids.entries()) {
          if (!expected.has(id)) continue;
          assert.equal(equalBytes(await target.writer.getContent(id), CONTENTS[index]!.data), true);
        }
      });
    }
  }

  async finish(): Promise<void> {
    for (const writer of this.#writers) await this.#attempt(writer, () => this.#flush(writer));
    await this.check();
    const { committed } = await this.#world.openClient();
    this.#checkEntries(committed, this.#committed);
    const seen = new Set<ContentID>();
    await committed.readContents(this.#committed.keys(), (id, data) => {
      assert.equal(equalBytes(data, CONTENTS[this.#ids.indexOf(id)]!.data), true);
      seen.add(id);
    });
    assert.equal(seen.size, this.#committed.size);
    await this.#checkRecovery(committed.iterateContents());
    for (const { writer } of this.#writers) await writer[Symbol.asyncDispose]();
    // A marker of which nobody knew that it was stored is all that may stay behind.
    const inDoubt = this.#world.storage.struck.map(({ target }) => target);
    const markers = await this.#world.blobIDs('s');
    assert.deepEqual(
      markers.filter((id) => !inDoubt.includes(id)),
      [],
    );
  }

  /** The pack of a live content knows its entry as the index does. */
  async #checkRecovery(infos: Iterable<ContentInfo>): Promise<void> {
    const { memory, sealer, kernel } = this.#world;
    const v1Overhead = kernel.parts.cipher.overhead;
    for (const info of infos) {
      const pack = await memory.getMetadata(info.packBlobID);
      const index = await recoverPackIndex(memory, pack, sealer, { v1Overhead });
      assert.deepEqual(index.find(encodeContentKey(info.contentID)), info);
    }
  }

  #checkEntries(
    reader: Pick<ContentReader, 'contentInfo' | 'iterateContents'>,
    expected: ModelIndex,
  ): void {
    for (const id of this.#ids) {
      const entry = expected.get(id);
      const info = reader.contentInfo(id);
      assert.deepEqual(info?.deleted, entry?.deleted);
      if (entry !== undefined) assert.equal(BigInt(info!.timestampSeconds), entry.at / SECOND);
    }
    const live = [...expected].filter(([, { deleted }]) => !deleted).map(([id]) => id);
    assert.deepEqual(
      [...reader.iterateContents()].map(({ contentID }) => contentID),
      live.sort(),
    );
  }

  async #runOnWriter(
    target: ModelWriter,
    next: Extract<Operation, { readonly writer: number }>,
  ): Promise<void> {
    if (next.kind === 'restart') return this.#restart(target);
    if (next.kind === 'flush') return this.#attempt(target, () => this.#flush(target));
    return this.#attempt(target, async () => {
      await this.#beforeChange(target);
      if (next.kind === 'write') await this.#write(target, next.contents);
      else if (next.kind === 'deleteAll') await this.#deleteAll(target, next.contents);
      else await this.#change(target, next.kind, next.content);
    });
  }

  async #write(target: ModelWriter, contents: readonly number[]): Promise<void> {
    const [first] = contents.map((index) => CONTENTS[index]!);
    const { prefix, compressor } = first!;
    const chosen = contents.filter((index) => CONTENTS[index]!.prefix === prefix);
    const usable = this.#world.format.indexVersion === 1 && prefix === '' ? undefined : compressor;
    const ids = await target.writer.writeContents(
      chosen.map((index) => CONTENTS[index]!.data),
      { prefix, compressor: usable },
    );
    assert.deepEqual(
      ids,
      chosen.map((index) => this.#ids[index]!),
    );
    for (const id of ids) {
      if (this.#find(target, id)?.deleted !== false) this.#put(target, id, false);
    }
  }

  async #deleteAll(target: ModelWriter, contents: readonly number[]): Promise<void> {
    const ids = contents.map((index) => this.#ids[index]!);
    await target.writer.deleteContents(ids);
    for (const id of ids)
      if (this.#find(target, id)?.deleted === false) this.#put(target, id, true);
  }

  async #change(
    target: ModelWriter,
    kind: 'delete' | 'undelete' | 'rewrite',
    index: number,
  ): Promise<void> {
    const id = this.#ids[index]!;
    const known = this.#find(target, id);
    const call = {
      delete: 'deleteContent',
      undelete: 'undeleteContent',
      rewrite: 'rewriteContent',
    } as const;
    const isThere = kind === 'delete' ? known?.deleted === false : known !== undefined;
    if (!isThere) {
      await assert.rejects(target.writer[call[kind]](id), {
        code: 'CONTENT_NOT_FOUND',
      });
      return;
    }
    await target.writer[call[kind]](id);
    if (kind === 'delete') this.#put(target, id, true);
    else if (kind === 'rewrite' && known!.deleted) {
      target.pending.set(id, { at: known!.at + SECOND, deleted: true });
    } else if (kind === 'rewrite' || known!.deleted) this.#put(target, id, false);
  }

  async #flush(target: ModelWriter): Promise<void> {
    await target.writer.flush();
    this.#commit(target);
  }

  #commit(target: ModelWriter): void {
    for (const index of [this.#committed, target.owner.view]) {
      for (const [id, entry] of this.#newer(target.pending, index)) index.set(id, entry);
    }
    target.pending = new Map();
  }

  /** A change first brings an old view up to date, then commits what has waited for ten minutes. */
  async #beforeChange(target: ModelWriter): Promise<void> {
    const { owner } = target;
    if (this.#now() - owner.refreshedAt >= INDEX_MAX_AGE) {
      owner.view = new Map(this.#committed);
      owner.refreshedAt = this.#now();
    }
    if (target.pending.size === 0) target.began = this.#now();
    if (this.#now() - target.began < COMMIT_INTERVAL) return;
    // The commit may fail: made to happen by a deletion of nothing, before the model follows.
    await target.writer.deleteContents([]);
    this.#commit(target);
    target.began = this.#now();
  }

  /** A writer that met a failing storage is given up with all that it did not commit. */
  async #attempt(target: ModelWriter, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!hasCode(error, 'STORAGE_FAILED')) throw error;
      await this.#restart(target);
    }
  }

  async #restart(target: ModelWriter): Promise<void> {
    await target.writer[Symbol.asyncDispose]();
    Object.assign(target, this.#newWriter(target.owner));
  }

  async #refresh(owner: ModelClient): Promise<void> {
    await owner.client.committed.refresh();
    owner.view = new Map(this.#committed);
    owner.refreshedAt = this.#now();
  }

  async #reopen(owner: ModelClient): Promise<void> {
    Object.assign(owner, await this.#openClient());
    for (const target of this.#writers) if (target.owner === owner) await this.#restart(target);
  }

  async #openClient(): Promise<ModelClient> {
    const client = await this.#world.openClient();
    return { client, view: new Map(this.#committed), refreshedAt: this.#now() };
  }

  #newWriter(owner: ModelClient): ModelWriter {
    return { owner, writer: owner.client.newWriter(), pending: new Map(), began: this.#now() };
  }

  #find({ pending, owner }: ModelWriter, id: ContentID): ModelEntry | undefined {
    const [mine, theirs] = [pending.get(id), owner.view.get(id)];
    if (mine === undefined || theirs === undefined) return mine ?? theirs;
    return mine.at > theirs.at ? mine : theirs;
  }

  #put({ pending }: ModelWriter, id: ContentID, deleted: boolean): void {
    pending.set(id, { at: this.#now(), deleted });
  }

  /** Entries that win over those of `index`. */
  #newer(entries: ModelIndex, index: ModelIndex): ModelIndex {
    return new Map([...entries].filter(([id, { at }]) => at > (index.get(id)?.at ?? -1n)));
  }

  #now(): bigint {
    return this.#world.time.clock();
  }
}

describe.each([1, 2, 3] as const)('contents of several writers in format version %i', (version) => {
  it('are what a map of the last changes says, over faults, restarts and late views', async () => {
    const histories = fc.array(operation, { minLength: 1, maxLength: 45, size: 'max' });
    const property = fc.asyncProperty(histories, async (operations) => {
      const simulation = await Simulation.create(version);
      for (const next of operations) {
        await simulation.run(next);
        await simulation.check();
      }
      await simulation.finish();
    });
    await expect(fc.assert(property, { numRuns: 40 })).resolves.toBeUndefined();
  });
});
