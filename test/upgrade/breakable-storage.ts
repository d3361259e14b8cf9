import { LongshoreError, type BlobStorage } from '@longshore/repo';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';

/** Whether the failing call had its effect. */
export type Failure = 'before' | 'after';

/** The process dies at one call of its storage: that call fails, and so does everything after it. */
export class DyingStorage {
  readonly storage: BlobStorage;
  readonly #dyingCall: number;
  readonly #failure: Failure;
  #calls = 0;

  /** `dyingCall` 0: it lives. */
  constructor(inner: BlobStorage, dyingCall: number, failure: Failure) {
    this.#dyingCall = dyingCall;
    this.#failure = failure;
    this.storage = decorateStorage(inner, {
      getBlob: (id, options) => this.#call(() => inner.getBlob(id, options)),
      putBlob: (id, data, options) => this.#call(() => inner.putBlob(id, data, options)),
      deleteBlob: (id, options) => this.#call(() => inner.deleteBlob(id, options)),
      getMetadata: (id, options) => this.#call(() => inner.getMetadata(id, options)),
      listBlobs: (prefix, options) => this.#list(inner.listBlobs(prefix, options)),
    });
  }

  get calls(): number {
    return this.#calls;
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    const dies = this.#enter();
    const result = await run();
    if (dies) throw dead();
    return result;
  }

  async *#list<T>(blobs: AsyncIterable<T>): AsyncGenerator<T, void, void> {
    if (this.#enter()) throw dead();
    yield* blobs;
  }

  /** True if the call has its effect and nobody learns of it. */
  #enter(): boolean {
    this.#calls += 1;
    if (this.#dyingCall === 0 || this.#calls < this.#dyingCall) return false;
    if (this.#calls > this.#dyingCall || this.#failure === 'before') throw dead();
    return true;
  }
}

function dead(): LongshoreError {
  return new LongshoreError('STORAGE_FAILED', 'the process is dead');
}
