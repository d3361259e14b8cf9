import {
  bytesParts,
  concatBytes,
  LongshoreError,
  type AbortOptions,
  type BlobMetadata,
  type BlobStorage,
  type Clock,
  type Sleep,
} from '@longshore/repo';
import { decorateStorage } from '../../../packages/repo/src/blob/decorate-storage.ts';
import type { Host } from './host.ts';
import type { WatchedStorage } from './watched-storage.ts';
import { Chance, MINUTE, SECOND, type VirtualWorld } from './virtual-world.ts';

/** How well a process is connected, and how long it lives. */
export interface ProcessNature {
  /** For each request: it fails before or after its effect, or a listing breaks off. */
  readonly failures: number;
  /** For each read: the answer is cut short. */
  readonly truncations: number;
  /** For each put of a pack: it fails, or its process dies, when a part of the blob is there for everybody to see. */
  readonly tears: number;
  /** Storage calls and sleeps after which the process dies; undefined: it does not. */
  readonly lifetime: number | undefined;
}

export const SOUND: ProcessNature = { failures: 0, truncations: 0, tears: 0, lifetime: undefined };

/**
 * Blobs that a storage may leave cut. Nobody looks into a pack that no index names, and an index comes after its
 * packs, so that a part of one is garbage. Everything else has to be there whole or not at all, as on every storage that
 * longshore has: an index blob, an epoch marker or a format blob that can be read by nobody stops all clients, those of
 * Kopia too, and what a cut session marker says is not known, so that nothing may be collected.
 * Of listings likewise: pages may be of different moments, but what was there before the listing is in it. An index
 * blob that is passed over in silence would make the packs it names look like garbage to any client.
 */
const TEARABLE = /^[pq]/;

const CRASHED = Symbol('crashed');

export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'crashed' };

type Effect<T> = () => Promise<T>;

/** One run of a program on a host: what it awaits takes time, may fail, and may be the last thing it does. */
export class SimulatedProcess {
  readonly name: string;
  readonly host: Host;
  readonly storage: BlobStorage;
  readonly chance: Chance;
  /** Reads that were cut short: damage that this process sees may be due to them. */
  truncated = 0;
  /** Puts that left a part. */
  torn = 0;
  /** Puts and deletions that it asked for. */
  changes = 0;
  readonly #world: VirtualWorld;
  readonly #server: WatchedStorage;
  readonly #nature: ProcessNature;
  readonly #died = Promise.withResolvers<typeof CRASHED>();
  readonly #atEnd: (() => void)[] = [];
  #steps = 0;
  #isAlive = true;

  constructor(
    name: string,
    options: {
      readonly host: Host;
      readonly world: VirtualWorld;
      readonly server: WatchedStorage;
      readonly chance: Chance;
      readonly nature: ProcessNature;
    },
  ) {
    this.name = name;
    this.host = options.host;
    this.chance = options.chance;
    this.#world = options.world;
    this.#server = options.server;
    this.#nature = options.nature;
    this.storage = this.#connect();
  }

  /** False once it has died or ended. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isFaulty(): boolean {
    return this.#nature.failures > 0 || this.#nature.tears > 0;
  }

  readonly clock: Clock = () => this.host.clock();

  readonly sleep: Sleep = (milliseconds, signal) =>
    this.pause((BigInt(Math.round(milliseconds * 1000)) * SECOND) / 1_000_000n, signal);

  pause(duration: bigint, signal?: AbortSignal): Promise<void> {
    return this.#await(signal, (answer) => this.#world.at(duration, () => answer(undefined)));
  }

  /** Called when nothing of the process runs any more. */
  readonly onEnd = (release: () => void): void => void this.#atEnd.push(release);

  /** Runs a program to its end, whichever that is. */
  async run<T>(program: () => Promise<T>): Promise<Outcome<T>> {
    try {
      const value = await Promise.race([program(), this.#died.promise]);
      return value === CRASHED ? { kind: 'crashed' } : { kind: 'done', value };
    } catch (error) {
      return { kind: 'failed', error };
    } finally {
      this.#isAlive = false;
      for (const release of this.#atEnd) release();
    }
  }

  /** A promise that a dead process never hears of. */
  #await<T>(
    signal: AbortSignal | undefined,
    start: (answer: (value: T | PromiseLike<T>) => void, refuse: (error: unknown) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      const ifAlive = (go: () => void): void => {
        signal?.removeEventListener('abort', onAbort);
        if (this.#survives()) go();
      };
      start(
        (value) => ifAlive(() => resolve(value)),
        (error) => ifAlive(() => reject(error)),
      );
    });
  }

  #survives(): boolean {
    if (!this.#isAlive) return false;
    this.#steps += 1;
    if (this.#steps !== this.#nature.lifetime) return true;
    this.#isAlive = false;
    this.#died.resolve(CRASHED);
    return false;
  }

  /** A request takes effect somewhere on the way; one that is under way when its process dies may still arrive. */
  #request<T>(what: string, signal: AbortSignal | undefined, effect: Effect<T>): Promise<T> {
    this.#world.trace(`${this.name} ${what}`);
    const { failures } = this.#nature;
    const failsBefore = this.chance.happens(failures / 2);
    const failsAfter = this.chance.happens(failures / 2);
    const outlives = this.chance.happens(0.5);
    const [outbound, inbound] = [this.#latency(), this.#latency()];
    return this.#await<T>(signal, (answer, refuse) => {
      this.#world.at(outbound, () => {
        if ((!this.#isAlive || signal?.aborted === true) && !outlives) return;
        const settle = (go: () => void): void => this.#world.at(inbound, go);
        if (failsBefore) {
          settle(() => refuse(injected(what)));
          return;
        }
        effect().then(
          (value) => settle(() => (failsAfter ? refuse(injected(what)) : answer(value))),
          (error: unknown) => settle(() => refuse(error)),
        );
      });
    });
  }

  #latency(): bigint {
    const { chance } = this;
    if (chance.happens(0.002)) return chance.duration(SECOND, 4n * MINUTE);
    if (chance.happens(0.02)) return chance.duration(SECOND / 10n, 10n * SECOND);
    return chance.duration(SECOND / 1000n, SECOND / 20n);
  }

  #connect(): BlobStorage {
    const server = this.#server;
    const signalOf = (options?: AbortOptions): AbortSignal | undefined => options?.signal;
    return decorateStorage(server.memory, {
      getBlob: (id, options) =>
        this.#request(`get ${id}`, signalOf(options), async () =>
          this.#cut(await server.get(id, options?.range)),
        ),
      getMetadata: (id, options) =>
        this.#request(`head ${id}`, signalOf(options), () => server.memory.getMetadata(id)),
      listBlobs: (prefix, options) => this.#list(prefix, signalOf(options)),
      putBlob: (id, data, options) => {
        // Borrowed until the promise settles, which an abort does before the bytes arrive.
        const bytes = concatBytes(bytesParts(data));
        const { signal, ...rest } = options ?? {};
        this.changes += 1;
        const cut = TEARABLE.test(id) ? this.#tear(bytes) : undefined;
        return this.#request(`put ${id}`, signal, async () => {
          await server.put(this, id, cut ?? bytes, rest);
          if (cut !== undefined) throw injected(`put ${id}, of which a part is there,`);
        });
      },
      deleteBlob: (id, options) => {
        this.changes += 1;
        return this.#request(`delete ${id}`, signalOf(options), () => server.delete(this, id));
      },
    });
  }

  /** The part that is left of a put; undefined: it goes well. */
  #tear(bytes: Uint8Array): Uint8Array | undefined {
    if (!this.chance.happens(this.#nature.tears)) return undefined;
    this.torn += 1;
    return bytes.slice(0, this.chance.below(bytes.length));
  }

  #cut(bytes: Uint8Array): Uint8Array {
    if (!this.chance.happens(this.#nature.truncations)) return bytes;
    this.truncated += 1;
    return bytes.slice(0, this.chance.below(bytes.length + 1));
  }

  /** Page by page, each as of its own moment, and each in any order. */
  async *#list(prefix: string, signal: AbortSignal | undefined): AsyncGenerator<BlobMetadata> {
    let after = '';
    for (;;) {
      const size = 1 + this.chance.below(40);
      const page = await this.#request(`list ${prefix}`, signal, async () =>
        this.#server.page(prefix, after, size),
      );
      const last = page.at(-1);
      const shuffled = page.map((blob) => ({ blob, key: this.chance.fraction() }));
      for (const { blob } of shuffled.toSorted((a, b) => a.key - b.key)) yield blob;
      if (last === undefined || page.length < size) return;
      after = last.id;
    }
  }
}

function injected(what: string): LongshoreError {
  return new LongshoreError('STORAGE_FAILED', `injected failure of ${what}`, { retryable: true });
}
