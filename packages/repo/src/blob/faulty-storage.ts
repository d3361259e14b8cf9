import type { Sleep } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import { decorateStorage } from './decorate-storage.ts';
import type { StorageOperation } from './decorate-storage.ts';
import { createSeededRandom } from './seeded-random.ts';
import type { BlobMetadata, BlobStorage } from './storage.ts';

/**
 * What goes wrong. `error-before` fails without effect; `error-after` fails although the effect took place (a
 * listing fails once `items` were listed); `truncate` hands over only the first `length` bytes of a read, as a
 * storage would that does not check; `delay` takes its time and then works.
 */
export type StorageFault =
  | { readonly kind: 'error-before'; readonly error?: unknown }
  | { readonly kind: 'error-after'; readonly error?: unknown; readonly items?: number }
  | { readonly kind: 'truncate'; readonly length: number }
  | { readonly kind: 'delay'; readonly milliseconds: number };

/** A fault and the calls that meet it. */
export interface ScriptedFault {
  readonly operation: StorageOperation;
  /** The blob ID or listing prefix must start with this. Default: every call. */
  readonly idPrefix?: string;
  /** Matching calls that still work before the fault strikes. Default 0. */
  readonly skip?: number;
  /** How many matching calls meet the fault. Default 1. */
  readonly times?: number;
  readonly fault: StorageFault;
}

/** Faults drawn at random; one seed gives the same faults for the same calls in the same order. */
export interface RandomFaults {
  readonly seed: number;
  /** Between 0 and 1, for each call. */
  readonly probability: number;
  readonly operations: readonly StorageOperation[];
  /** One of these is drawn; at least one. */
  readonly faults: readonly StorageFault[];
}

export interface FaultyStorageOptions {
  readonly sleep: Sleep;
  readonly script?: readonly ScriptedFault[];
  readonly random?: RandomFaults;
}

/** What a faulty storage did to its callers. */
export interface FaultRecord {
  readonly operation: StorageOperation;
  readonly target: string;
  readonly fault: StorageFault;
}

export interface FaultyStorage extends BlobStorage {
  /** Appends to the script. */
  addFault(fault: ScriptedFault): void;
  /** Every fault that struck so far, oldest first. */
  readonly struck: readonly FaultRecord[];
  /** Scripted faults that have not struck as often as they should: a test ends with none. */
  pendingFaults(): readonly ScriptedFault[];
}

/** Makes a sound storage fail in the ways that real ones do, by script and by seeded chance. */
export function createFaultyStorage(
  inner: BlobStorage,
  options: FaultyStorageOptions,
): FaultyStorage {
  const faults = new FaultSource(options);
  const { sleep } = options;

  async function around<T>(
    call: Call,
    run: () => Promise<T>,
    truncate: (result: T, length: number) => T = (result) => result,
  ): Promise<T> {
    call.signal?.throwIfAborted();
    const fault = faults.next(call);
    if (fault?.kind === 'error-before') throw fault.error ?? injectedError(call);
    if (fault?.kind === 'delay') await sleep(fault.milliseconds, call.signal);
    const result = await run();
    if (fault?.kind === 'error-after') throw fault.error ?? injectedError(call);
    return fault?.kind === 'truncate' ? truncate(result, fault.length) : result;
  }

  async function* list(
    call: Call,
    blobs: AsyncIterable<BlobMetadata>,
  ): AsyncGenerator<BlobMetadata> {
    call.signal?.throwIfAborted();
    const fault = faults.next(call);
    if (fault?.kind === 'delay') await sleep(fault.milliseconds, call.signal);
    if (fault?.kind === 'error-before') throw fault.error ?? injectedError(call);
    const limit = itemLimit(fault);
    let count = 0;
    if (limit > 0) {
      for await (const blob of blobs) {
        yield blob;
        count++;
        if (count >= limit) break;
      }
    }
    if (fault?.kind === 'error-after') throw fault.error ?? injectedError(call);
  }

  const storage = decorateStorage(inner, {
    getBlob: (id, get = {}) =>
      around(
        { operation: 'get', target: id, signal: get.signal },
        () => inner.getBlob(id, get),
        (bytes, length) => bytes.slice(0, length),
      ),
    getMetadata: (id, get = {}) =>
      around({ operation: 'metadata', target: id, signal: get.signal }, () =>
        inner.getMetadata(id, get),
      ),
    listBlobs: (prefix, get = {}) =>
      list({ operation: 'list', target: prefix, signal: get.signal }, inner.listBlobs(prefix, get)),
    putBlob: (id, data, put = {}) =>
      around({ operation: 'put', target: id, signal: put.signal }, () =>
        inner.putBlob(id, data, put),
      ),
    deleteBlob: (id, remove = {}) =>
      around({ operation: 'delete', target: id, signal: remove.signal }, () =>
        inner.deleteBlob(id, remove),
      ),
    extendRetention: (extend, id, retention, extension = {}) =>
      around({ operation: 'extendRetention', target: id, signal: extension.signal }, () =>
        extend(id, retention, extension),
      ),
  });
  return Object.assign(storage, {
    struck: faults.struck,
    addFault: (fault: ScriptedFault) => faults.add(fault),
    pendingFaults: () => faults.pending(),
  });
}

interface Call {
  readonly operation: StorageOperation;
  readonly target: string;
  readonly signal: AbortSignal | undefined;
}

/** Decides, call by call, which fault strikes: the script first, then chance. */
class FaultSource {
  readonly struck: FaultRecord[] = [];
  readonly #script: { readonly fault: ScriptedFault; skip: number; times: number }[] = [];
  readonly #random: RandomFaults | undefined;
  readonly #draw: () => number;

  constructor(options: FaultyStorageOptions) {
    for (const fault of options.script ?? []) this.add(fault);
    this.#random = options.random;
    this.#draw = createSeededRandom(options.random?.seed ?? 0);
  }

  add(fault: ScriptedFault): void {
    this.#script.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  pending(): readonly ScriptedFault[] {
    return this.#script.filter((entry) => entry.times > 0).map((entry) => entry.fault);
  }

  next(call: Call): StorageFault | undefined {
    const fault = this.#scripted(call) ?? this.#drawn(call);
    if (fault) this.struck.push({ operation: call.operation, target: call.target, fault });
    return fault;
  }

  #scripted(call: Call): StorageFault | undefined {
    for (const entry of this.#script) {
      const { operation, idPrefix = '', fault } = entry.fault;
      if (operation !== call.operation || !call.target.startsWith(idPrefix)) continue;
      if (entry.times <= 0) continue;
      if (entry.skip > 0) {
        entry.skip--;
        continue;
      }
      entry.times--;
      return fault;
    }
    return undefined;
  }

  #drawn(call: Call): StorageFault | undefined {
    const random = this.#random;
    if (!random?.operations.includes(call.operation)) return undefined;
    if (this.#draw() >= random.probability) return undefined;
    return random.faults[Math.floor(this.#draw() * random.faults.length)];
  }
}

function itemLimit(fault: StorageFault | undefined): number {
  if (fault?.kind === 'error-after') return fault.items ?? Infinity;
  if (fault?.kind === 'truncate') return fault.length;
  return Infinity;
}

function injectedError(call: Call): LongshoreError {
  return new LongshoreError(
    'STORAGE_FAILED',
    `injected failure of ${call.operation} ${JSON.stringify(call.target)}`,
    { retryable: true },
  );
}
