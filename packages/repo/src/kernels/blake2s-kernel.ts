import { BLAKE2S_SHARED_WASM, BLAKE2S_WASM } from './blake2s.wasm.ts';
import { type Blake2Exports, Blake2Kernel, type Blake2Variant } from './blake2-kernel.ts';
import type { KernelWorkspace } from './kernel-workspace.ts';

const BLAKE2S: Blake2Variant = {
  wordLength: 4,
  initialState: [
    0x6a09e667n,
    0xbb67ae85n,
    0x3c6ef372n,
    0xa54ff53an,
    0x510e527fn,
    0x9b05688cn,
    0x1f83d9abn,
    0x5be0cd19n,
  ],
};

/** BLAKE2s over WASM. The key has 0 to 32 bytes and is copied; `digestLength` is 1 to 32 bytes. */
export async function createBlake2sKernel(
  workspace: KernelWorkspace,
  digestLength: number,
  key: Uint8Array,
): Promise<(data: Uint8Array) => Uint8Array> {
  const exports = await workspace.instantiate<Blake2Exports>({
    plain: BLAKE2S_WASM,
    shared: BLAKE2S_SHARED_WASM,
  });
  const kernel = new Blake2Kernel(workspace, exports, BLAKE2S, digestLength, key);
  return (data) => kernel.digest(data);
}
