import {
  createMemoryStorage,
  createRepository,
  encodeUtf8,
  equalBytes,
  hasCode,
  LongshoreError,
  openRepository,
  parseObjectID,
  type Algorithms,
  type BlobStorage,
  type FormatVersion,
  type MemoryStorage,
  type ObjectID,
  type OpenWritableRepository,
  type RepositoryWriter,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { describe, expect, it } from 'vitest';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import { createManualTime, type ManualTime } from '../../packages/repo/src/blob/manual-time.ts';

const PASSWORD = 'correct horse';

/** Slow on purpose elsewhere; here a repository is opened hundreds of times. */
const algorithms: Algorithms = {
  ...nativeAlgorithms(),
  deriveFormatKey: async () => new Uint8Array(32).fill(7),
};

/** Above the least pack size, so that one pack leaves before the flush. */
const LARGE = 11 * 1024 * 1024;

function content(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = seed + 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const DATA: Readonly<Record<string, Uint8Array>> = {
  first: content(1, 300_000),
  large: content(2, LARGE),
  text: encodeUtf8('words and words and '.repeat(20_000)),
  third: content(3, 1_000),
};

type Effect = 'before' | 'after';

const dead = (): LongshoreError => new LongshoreError('STORAGE_FAILED', 'the world has ended');

/** A storage that works for some operations and then never again, as for a process that was killed. */
function mortalStorage(
  inner: BlobStorage,
  lifetime: number,
  effect: Effect,
): { readonly storage: BlobStorage; readonly operations: () => number } {
  let count = 0;
  const step = async <T>(run: () => Promise<T>): Promise<T> => {
    const number = count++;
    if (number > lifetime || (number === lifetime && effect === 'before')) throw dead();
    const result = await run();
    if (number >= lifetime) throw dead();
    return result;
  };
  const storage = decorateStorage(inner, {
    getBlob: (id, options) => step(() => inner.getBlob(id, options)),
    getMetadata: (id, options) => step(() => inner.getMetadata(id, options)),
    putBlob: (id, data, options) => step(() => inner.putBlob(id, data, options)),
    deleteBlob: (id, options) => step(() => inner.deleteBlob(id, options)),
    async *listBlobs(prefix, options) {
      await step(async () => undefined);
      yield* inner.listBlobs(prefix, options);
    },
  });
  return { storage, operations: () => count };
}

function open(storage: BlobStorage, time: ManualTime): Promise<OpenWritableRepository> {
  const { clock, sleep } = time;
  return openRepository({ storage, password: PASSWORD, algorithms, clock, sleep });
}

async function put(writer: RepositoryWriter, name: string): Promise<void> {
  await using object = writer.newObjectWriter({ compressor: name === 'text' ? 'gzip' : undefined });
  const data = DATA[name]!;
  for (let offset = 0; offset < data.length; offset += 500_000)
    await object.write(data.subarray(offset, offset + 500_000));
  const objectID = await object.result();
  await writer.replaceManifests({ type: 'file', name }, { objectID });
}

/** The flushes of one session, and the names that count after each. */
const STEPS: readonly {
  readonly work: (writer: RepositoryWriter) => Promise<void>;
  readonly names: readonly string[];
}[] = [
  {
    names: ['first', 'large'],
    work: async (writer) => {
      await put(writer, 'first');
      await put(writer, 'large');
    },
  },
  {
    names: ['large', 'text'],
    work: async (writer) => {
      await put(writer, 'text');
      for (const { id } of await writer.findManifests({ type: 'file', name: 'first' }))
        await writer.deleteManifest(id);
    },
  },
  {
    names: ['first', 'large', 'text', 'third'],
    work: async (writer) => {
      await put(writer, 'first');
      await put(writer, 'third');
      await put(writer, 'text');
    },
  },
];

/** How many steps were committed when the world ended, if it did. */
async function live(storage: BlobStorage, time: ManualTime): Promise<number> {
  let committed = 0;
  try {
    await using repository = await open(storage, time);
    await using writer = repository.newWriter();
    for (const { work } of STEPS) {
      await work(writer);
      await writer.flush();
      committed++;
    }
  } catch (error) {
    if (!hasCode(error, 'STORAGE_FAILED')) throw error;
  }
  return committed;
}

async function readObject(repository: OpenWritableRepository, id: ObjectID): Promise<Uint8Array> {
  await using reader = await repository.openObject(id);
  return reader.read({ offset: 0, length: reader.length });
}

/** The names that count, each with all of its bytes. */
async function visibleNames(repository: OpenWritableRepository): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { id } of await repository.findManifests({ type: 'file' })) {
    const { entry, payload } = await repository.getManifest(id);
    const name = entry.labels['name']!;
    const { objectID } = payload as { readonly objectID: string };
    expect(equalBytes(await readObject(repository, parseObjectID(objectID)), DATA[name]!)).toBe(
      true,
    );
    names.push(name);
  }
  return names.sort();
}

async function everyContentIsWhole({ contents }: OpenWritableRepository): Promise<void> {
  const ids = Array.from(
    contents.iterateContents({ includeDeleted: true }),
    ({ contentID }) => contentID,
  );
  const seen = new Set<string>();
  await contents.readContents(ids, (id) => void seen.add(id));
  expect(seen.size).toBe(ids.length);
}

async function copyOf(memory: MemoryStorage, time: ManualTime): Promise<MemoryStorage> {
  const copy = createMemoryStorage({ clock: time.clock });
  for await (const { id } of memory.listBlobs('')) await copy.putBlob(id, await memory.getBlob(id));
  return copy;
}

async function newRepository(version: FormatVersion, time: ManualTime): Promise<MemoryStorage> {
  const storage = createMemoryStorage({ clock: time.clock });
  const { clock, sleep } = time;
  const splitter = 'FIXED-1M';
  const repository = await createRepository({
    storage,
    password: PASSWORD,
    algorithms,
    clock,
    sleep,
    version,
    splitter,
    maxPackSize: 10 * 1024 * 1024,
  });
  await repository[Symbol.asyncDispose]();
  return storage;
}

describe.each([1, 3] as const)(
  'a process that dies at any operation of its storage (format version %i)',
  (version) => {
    it.each(['before', 'after'] as const)(
      'leaves the commits that it made, whole, and nothing of the one it was making (%s its effect)',
      async (effect) => {
        const time = createManualTime();
        const empty = await newRepository(version, time);
        const full = mortalStorage(await copyOf(empty, time), Infinity, effect);
        expect(await live(full.storage, time)).toBe(STEPS.length);
        expect(full.operations()).toBeGreaterThan(20);
        for (let lifetime = 0; lifetime < full.operations(); lifetime++) {
          const memory = await copyOf(empty, time);
          const committed = await live(mortalStorage(memory, lifetime, effect).storage, time);
          await using repository = await open(memory, time);
          const names = await visibleNames(repository);
          // The commit that was under way may count, as a whole, though nobody was told.
          const possible = [committed, committed + 1].map((steps) => STEPS[steps - 1]?.names ?? []);
          expect(possible).toContainEqual(names);
          await everyContentIsWhole(repository);

          await using writer = repository.newWriter();
          for (const { work } of STEPS) await work(writer);
          await writer.flush();
          await using again = await open(memory, time);
          expect(await visibleNames(again)).toEqual(STEPS.at(-1)!.names);
          await everyContentIsWhole(again);
        }
      },
    );
  },
);
