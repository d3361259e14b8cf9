import type { KeyedDigest, SeveralDigests } from '../hashing/hash-construction.ts';
import { BLAKE2B_SHARED_WASM, BLAKE2B_WASM } from './blake2b.wasm.ts';
import { type Blake2Exports, Blake2Kernel, type Blake2Variant } from './blake2-kernel.ts';
import { type KernelWorkspace, STAGING_LENGTH } from './kernel-workspace.ts';

const BLAKE2B: Blake2Variant = {
  wordLength: 8,
  initialState: [
    0x6a09e667f3bcc908n,
    0xbb67ae8584caa73bn,
    0x3c6ef372fe94f82bn,
    0xa54ff53a5f1d36f1n,
    0x510e527fade682d1n,
    0x9b05688c2b3e6c1fn,
    0x1f83d9abfb41bd6bn,
    0x5be0cd19137e2179n,
  ],
};

const STATE_LENGTH = 64;

/** Bytes up to which a partner of almost the same length is better than the next one in turn. */
const LONGEST_PAIRED = 16 * 1024;

interface Blake2bExports extends Blake2Exports {
  /** The same number of whole blocks of two messages, none of them the last. */
  updatePair(
    stateA: number,
    stateB: number,
    dataA: number,
    dataB: number,
    length: number,
    counterA: number,
    counterB: number,
  ): void;
  /** The last blocks of two messages, each of 0 to 128 bytes; `blocks` is scratch for two blocks. */
  finishPair(
    stateA: number,
    stateB: number,
    dataA: number,
    dataB: number,
    lengthA: number,
    lengthB: number,
    counter: number,
    blocks: number,
  ): void;
}

/** BLAKE2b over WASM: one message in 64-bit scalars, or two at once in the halves of 128-bit vectors. */
export interface Blake2bKernel extends SeveralDigests {
  readonly digest: KeyedDigest;
}

/** The key has 0 to 64 bytes and is copied; `digestLength` is 1 to 64 bytes. */
export async function createBlake2bKernel(
  workspace: KernelWorkspace,
  digestLength: number,
  key: Uint8Array,
): Promise<Blake2bKernel> {
  const exports = await workspace.instantiate<Blake2bExports>({
    plain: BLAKE2B_WASM,
    shared: BLAKE2B_SHARED_WASM,
  });
  const kernel = new Blake2Kernel(workspace, exports, BLAKE2B, digestLength, key);
  return {
    digest: (data) => kernel.digest(data),
    digestPair: (a, b) =>
      a.length === 0 || b.length === 0
        ? [kernel.digest(a), kernel.digest(b)]
        : digestPair(kernel, a, b),
    digestAll: (batch) => digestAll(kernel, batch),
  };
}

/** A message in one half of the vectors. */
interface Lane {
  readonly index: number;
  readonly data: Uint8Array;
  readonly state: number;
  /** Bytes of whole blocks before its last one. */
  readonly common: number;
  done: number;
}

/**
 * Two at a time, the longest first. Short ones have a neighbour of almost their own length; of long ones, the next
 * takes the place of the one that has ended.
 */
function digestAll(
  kernel: Blake2Kernel<Blake2bExports>,
  batch: readonly Uint8Array[],
): Uint8Array[] {
  const digests = Array.from<Uint8Array>({ length: batch.length });
  const order = batch.map((_, index) => index);
  order.sort((a, b) => batch[b]!.length - batch[a]!.length);
  const longCount = order.filter((index) => batch[index]!.length > LONGEST_PAIRED).length;
  digestLong(kernel, batch, order.slice(0, longCount), digests);
  for (let i = longCount; i < order.length; i += 2) {
    const [first, second] = [order[i]!, order[i + 1]];
    const a = batch[first]!;
    const b = second === undefined ? undefined : batch[second]!;
    if (b === undefined || b.length === 0) {
      digests[first] = kernel.digest(a);
      if (b !== undefined) digests[second!] = kernel.digest(b);
    } else [digests[first], digests[second!]] = digestPair(kernel, a, b);
  }
  return digests;
}

function digestLong(
  kernel: Blake2Kernel<Blake2bExports>,
  batch: readonly Uint8Array[],
  order: readonly number[],
  digests: Uint8Array[],
): void {
  const { exports, workspace, blockLength, startCounter } = kernel;
  let next = 0;
  const take = (state: number): Lane | undefined => {
    const index = order[next++];
    if (index === undefined) return undefined;
    kernel.startAt(state);
    const data = batch[index]!;
    const last = data.length - 1;
    return { index, data, state, common: last - (last % blockLength), done: 0 };
  };
  const end = ({ index, data, state, done }: Lane): void => {
    digests[index] = kernel.finishFrom({ state, data, offset: done });
  };
  let a = take(workspace.context);
  let b = take(workspace.context + STATE_LENGTH);
  while (a !== undefined && b !== undefined) {
    const both = Math.min(a.common - a.done, b.common - b.done);
    const inPlace = workspace.contains(a.data) && workspace.contains(b.data);
    const length = inPlace ? both : Math.min(both, STAGING_LENGTH);
    if (length > 0) {
      const dataA = workspace.address(a.data, a.done, length, 0);
      const dataB = workspace.address(b.data, b.done, length, 1);
      const [counterA, counterB] = [startCounter + a.done, startCounter + b.done];
      exports.updatePair(a.state, b.state, dataA, dataB, length, counterA, counterB);
      a.done += length;
      b.done += length;
    }
    const [endedA, endedB] = [a.done === a.common, b.done === b.common];
    if (endedA) {
      end(a);
      a = take(a.state);
    }
    if (endedB) {
      end(b);
      b = take(b.state);
    }
  }
  const rest = a ?? b;
  if (rest !== undefined) end(rest);
}

/** Together as far as both have whole blocks before their last, then each by itself unless both end there. */
function digestPair(
  kernel: Blake2Kernel<Blake2bExports>,
  a: Uint8Array,
  b: Uint8Array,
): [Uint8Array, Uint8Array] {
  const { exports, workspace, blockLength, startCounter, scratchBlock } = kernel;
  const stateA = workspace.context;
  const stateB = stateA + STATE_LENGTH;
  kernel.startAt(stateA);
  kernel.startAt(stateB);

  const shorter = Math.min(a.length, b.length);
  const common = shorter - 1 - ((shorter - 1) % blockLength);
  const inPlace = workspace.contains(a) && workspace.contains(b);
  const most = inPlace ? common : STAGING_LENGTH;
  let done = 0;
  while (done < common) {
    const length = Math.min(most, common - done);
    const dataA = workspace.address(a, done, length, 0);
    const dataB = workspace.address(b, done, length, 1);
    const counter = startCounter + done;
    exports.updatePair(stateA, stateB, dataA, dataB, length, counter, counter);
    done += length;
  }

  const restA = a.length - done;
  const restB = b.length - done;
  if (restA > blockLength || restB > blockLength) {
    return [
      kernel.finishFrom({ state: stateA, data: a, offset: done }),
      kernel.finishFrom({ state: stateB, data: b, offset: done }),
    ];
  }
  const dataA = workspace.address(a, done, restA, 0);
  const dataB = workspace.address(b, done, restB, 1);
  const counter = startCounter + done;
  exports.finishPair(stateA, stateB, dataA, dataB, restA, restB, counter, scratchBlock);
  return [kernel.takeDigest(stateA), kernel.takeDigest(stateB)];
}
