import type { KernelWorkspace } from './kernel-workspace.ts';
import { STAGING_LENGTH } from './kernel-workspace.ts';

/** What a BLAKE2 kernel exports. Addresses and lengths in bytes; `counter` is how many were hashed before. */
export interface Blake2Exports {
  /** Whole blocks that are not the last. */
  update(state: number, data: number, length: number, counter: number): void;
  /** The rest of the message; `block` is scratch for one block. */
  finish(state: number, data: number, length: number, counter: number, block: number): void;
}

/** BLAKE2b or BLAKE2s: the sizes of words and blocks, and the initial state (RFC 7693, section 2.6). */
export interface Blake2Variant {
  readonly wordLength: 4 | 8;
  readonly initialState: readonly bigint[];
}

/** A message on its way through a kernel: its state is at an address, `offset` bytes of it are hashed. */
interface Progress {
  readonly state: number;
  readonly data: Uint8Array;
  readonly offset: number;
}

/** Keyed or unkeyed BLAKE2 over a kernel. The state behind the key block is computed once. */
export class Blake2Kernel<Exports extends Blake2Exports = Blake2Exports> {
  readonly exports: Exports;
  readonly workspace: KernelWorkspace;
  readonly digestLength: number;
  /** Bytes of a block, of which the key takes one. */
  readonly blockLength: number;
  /** Bytes hashed before the data: the key block, if there is a key. */
  readonly startCounter: number;
  readonly #startState: Uint8Array;
  readonly #emptyDigest: Uint8Array;

  constructor(
    workspace: KernelWorkspace,
    exports: Exports,
    variant: Blake2Variant,
    digestLength: number,
    key: Uint8Array,
  ) {
    this.exports = exports;
    this.workspace = workspace;
    this.digestLength = digestLength;
    this.blockLength = 16 * variant.wordLength;

    const keyBlock = new Uint8Array(key.length === 0 ? 0 : this.blockLength);
    keyBlock.set(key);
    this.startCounter = keyBlock.length;

    const state = workspace.context;
    const initialState = parameterizedState(variant, digestLength, key.length);
    const address = workspace.address(keyBlock, 0, keyBlock.length);
    workspace.bytes.set(initialState, state);
    exports.finish(state, address, keyBlock.length, 0, this.scratchBlock);
    this.#emptyDigest = this.takeDigest(state);
    workspace.bytes.set(initialState, state);
    exports.update(state, address, keyBlock.length, 0);
    this.#startState = workspace.bytes.slice(state, state + initialState.length);
  }

  /** Address of two blocks of scratch, behind the states of two messages. */
  get scratchBlock(): number {
    return this.workspace.context + this.blockLength;
  }

  digest(data: Uint8Array): Uint8Array {
    if (data.length === 0) return this.#emptyDigest.slice();
    const state = this.workspace.context;
    this.startAt(state);
    return this.finishFrom({ state, data, offset: 0 });
  }

  /** Puts the state behind the key block at this address. */
  startAt(state: number): void {
    this.workspace.bytes.set(this.#startState, state);
  }

  /** Hashes the rest of a message, of which at least one byte is left. */
  finishFrom({ state, data, offset }: Progress): Uint8Array {
    const { exports, workspace, startCounter, scratchBlock } = this;
    let done = offset;
    if (!workspace.contains(data)) {
      for (; data.length - done > STAGING_LENGTH; done += STAGING_LENGTH) {
        const address = workspace.address(data, done, STAGING_LENGTH);
        exports.update(state, address, STAGING_LENGTH, startCounter + done);
      }
    }
    const rest = data.length - done;
    const address = workspace.address(data, done, rest);
    exports.finish(state, address, rest, startCounter + done, scratchBlock);
    return this.takeDigest(state);
  }

  takeDigest(state: number): Uint8Array {
    return this.workspace.bytes.slice(state, state + this.digestLength);
  }
}

function parameterizedState(
  { wordLength, initialState }: Blake2Variant,
  digestLength: number,
  keyLength: number,
): Uint8Array {
  const bytes = new Uint8Array(8 * wordLength);
  const view = new DataView(bytes.buffer);
  initialState.forEach((word, i) => {
    if (wordLength === 8) view.setBigUint64(8 * i, word, true);
    else view.setUint32(4 * i, Number(word), true);
  });
  // Fanout and depth 1 (sequential), key and digest length; salt and personalisation are zero.
  const parameters = 0x01010000 | (keyLength << 8) | digestLength;
  view.setUint32(0, view.getUint32(0, true) ^ parameters, true);
  return bytes;
}
