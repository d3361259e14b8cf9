import { LongshoreError, type BlobStorage } from '@longshore/repo';
import { maintainRepository } from '@longshore/snapshot';
import { beforeAll, describe, expect, it } from 'vitest';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import { DAY, uniqueText, VirtualRepository, type Files } from './virtual-repository.ts';

type Failure = 'before' | 'after';

/** Lets one call of a storage fail, without effect or with it. */
class BreakableStorage {
  readonly storage: BlobStorage;
  #calls = 0;
  #failingCall = 0;
  #failure: Failure = 'before';

  constructor(inner: BlobStorage) {
    this.storage = decorateStorage(inner, {
      getBlob: (id, options) => this.#call(() => inner.getBlob(id, options)),
      putBlob: (id, data, options) => this.#call(() => inner.putBlob(id, data, options)),
      deleteBlob: (id, options) => this.#call(() => inner.deleteBlob(id, options)),
      getMetadata: (id, options) => this.#call(() => inner.getMetadata(id, options)),
      listBlobs: (prefix, options) => this.#list(inner.listBlobs(prefix, options)),
    });
  }

  /** Counts from here on. `failingCall` 0: none fails. */
  arm(failingCall: number, failure: Failure): void {
    this.#calls = 0;
    this.#failingCall = failingCall;
    this.#failure = failure;
  }

  get calls(): number {
    return this.#calls;
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    const fails = this.#next();
    if (fails && this.#failure === 'before') throw broken();
    const result = await run();
    if (fails) throw broken();
    return result;
  }

  async *#list<T>(blobs: AsyncIterable<T>): AsyncGenerator<T, void, void> {
    const fails = this.#next();
    if (fails && this.#failure === 'before') throw broken();
    yield* blobs;
    if (fails) throw broken();
  }

  #next(): boolean {
    this.#calls += 1;
    return this.#calls === this.#failingCall;
  }
}

function broken(): LongshoreError {
  return new LongshoreError('STORAGE_FAILED', 'this call was to fail');
}

/** A repository in which full maintenance finds something to collect, rewrite, drop, delete and merge. */
async function busyRepository(version: 1 | 3): Promise<VirtualRepository> {
  const virtual = await VirtualRepository.create({ version });
  const { time } = virtual;
  const first = await virtual.snapshot({ a: uniqueText('a'), b: uniqueText('b') });
  await virtual.snapshot({ a: uniqueText('a'), c: uniqueText('c') }, '/kept');
  const second = await virtual.snapshot({ d: uniqueText('d') }, '/second');
  for (let i = 0; i < 9; i++) await virtual.snapshot({ i: uniqueText(`${i}`) }, `/many/${i}`);
  await virtual.deleteSnapshot(first);
  time.advance(2n * DAY);
  await virtual.maintain();
  time.advance(DAY);
  await virtual.deleteSnapshot(second);
  await using client = await virtual.open('writer');
  await using writer = client.newWriter();
  await writer.writeObject(new TextEncoder().encode(uniqueText('abandoned')));
  time.advance(5n * DAY);
  return virtual;
}

async function isFailure(run: Promise<unknown>): Promise<boolean> {
  return run.then(
    () => false,
    () => true,
  );
}

describe.each([1, 3] as const)('maintenance of format version %i', (version) => {
  let busy: VirtualRepository;
  let expected: ReadonlyMap<string, Files>;

  beforeAll(async () => {
    busy = await busyRepository(version);
    expected = await busy.read();
  });

  it.each([
    ['none', 'before', 1],
    ['none', 'after', 3],
    ['full', 'before', 4],
    ['full', 'after', 5],
  ] as const)(
    'with safety %s loses nothing when one call fails %s its effect (every one of %i), and the next run goes on',
    async (safety, failure, stride) => {
      expect(expected.size).toBe(10);
      let tried = 0;
      let failures = 0;
      let calls = 1;
      for (let failing = 0; failing <= calls; failing += stride) {
        const virtual = await busy.clone();
        const breakable = new BreakableStorage(virtual.storage);
        await using repository = await virtual.over(breakable.storage);
        breakable.arm(failing, failure);
        const failed = await isFailure(maintainRepository(repository, { mode: 'full', safety }));
        if (failing === 0) ({ calls } = breakable);
        tried += 1;
        if (failed) failures += 1;
        expect(await virtual.read()).toEqual(expected);
        breakable.arm(0, failure);
        virtual.time.advance(DAY);
        await maintainRepository(repository, { mode: 'full', safety });
        expect(await virtual.read()).toEqual(expected);
      }
      expect(calls).toBeGreaterThan(60);
      // Only the end of a session may fail unnoticed: its index is stored, its marker expires.
      expect(tried - failures).toBeLessThan(5);
    },
  );
});
