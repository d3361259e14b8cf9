import { createHmac, hkdfSync } from 'node:crypto';
import { createSplitter, PLAIN_KERNELS } from '@longshore/chunker';
import { encodeHex, type Algorithms, type RandomSource } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import type { ContentEngineFactory } from '../../../packages/repo/src/content/content-engine.ts';
import {
  createInThreadPreparer,
  createSlotPool,
} from '../../../packages/repo/src/content/in-thread-preparer.ts';

/**
 * The same results as always on one thread, so that the order of things is the simulation's. `untimed` is told of what
 * has to be waited for all the same, which takes no time in the simulation.
 */
export function inlineAlgorithms(
  random: RandomSource,
  untimed: <T>(work: Promise<T>) => Promise<T>,
): Algorithms {
  const native = nativeAlgorithms({ random });
  // A history opens its repository hundreds of times.
  const ciphers = new Map<string, ReturnType<Algorithms['createCipher']>>();
  return {
    ...native,
    deriveFormatKey: async () => new Uint8Array(32).fill(7),
    createHash: (name, secret) => untimed(native.createHash(name, secret)),
    createCipher(name, masterKey) {
      const key = `${name} ${encodeHex(masterKey)}`;
      const cipher = ciphers.get(key) ?? untimed(native.createCipher(name, masterKey));
      ciphers.set(key, cipher);
      return cipher;
    },
    hkdfSha256: async (key, salt, info, length) =>
      new Uint8Array(hkdfSync('sha256', key, salt, info, length)),
    hmacSha256: async (key, data) => createHmac('sha256', key).update(data).digest(),
    createAesGcm: (key) => untimed(native.createAesGcm(key)),
  };
}

/** Large buffers that go from one process to the next, which spares the collector of garbage most of its work. */
export class BufferPool {
  readonly #free: Uint8Array[] = [];

  /** Everything on the calling thread; `onEnd` says how to learn that the process is over and the buffers are free. */
  engine(onEnd: (release: () => void) => void): ContentEngineFactory {
    return async ({ kernel, minimumSlotSize }) => {
      const create = (length: number): Uint8Array => {
        const buffer = this.#take(length);
        onEnd(() => this.#free.push(buffer));
        return buffer.subarray(0, length);
      };
      const slots = createSlotPool({
        slotSize: minimumSlotSize,
        count: 8,
        create: () => create(minimumSlotSize),
      });
      const preparer = { ...createInThreadPreparer(kernel, slots), createBuffer: create };
      return {
        preparer,
        createSplitter: (name) => createSplitter(name, { kernels: PLAIN_KERNELS }),
        [Symbol.asyncDispose]: () => preparer[Symbol.asyncDispose](),
      };
    };
  }

  #take(length: number): Uint8Array {
    const fits = this.#free.findIndex(
      (buffer) => buffer.length >= length && buffer.length < 4 * length,
    );
    return fits < 0 ? new Uint8Array(length) : this.#free.splice(fits, 1)[0]!;
  }
}
