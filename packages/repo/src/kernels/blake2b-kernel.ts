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

interface Blake2bExports extends Blake2Exports {
  /** The same number of whole blocks of two messages, none of them the last. */
  updatePair(
    stateA: number,
    stateB: number,
    dataA: number,
    dataB: number,
    length: number,
    counter: number,
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
export interface Blake2bKernel {
  readonly digest: (data: Uint8Array) => Uint8Array;
  readonly digestPair: (a: Uint8Array, b: Uint8Array) => [Uint8Array, Uint8Array];
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
  };
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
    exports.updatePair(stateA, stateB, dataA, dataB, length, startCounter + done);
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
