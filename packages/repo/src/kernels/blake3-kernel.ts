import { BLAKE3_SHARED_WASM, BLAKE3_WASM } from './blake3.wasm.ts';
import { type KernelWorkspace, STAGING_LENGTH } from './kernel-workspace.ts';

/** 64 chunks: the kernel merges them to one chaining value before it takes more. Equals the staging length. */
const GROUP_LENGTH: typeof STAGING_LENGTH = 65536;

const DIGEST_LENGTH = 32;
const OUTPUT_OFFSET = 32;

interface Blake3Exports {
  /** Whole groups that are not the end of the input. */
  update(context: number, data: number, groups: number, groupsBefore: number): void;
  /** The rest of the input; the digest is then in the context. */
  finish(context: number, data: number, length: number, groupsBefore: number): void;
}

/** Keyed BLAKE3 with 32 bytes of output over WASM, four chunks per 128-bit vector. The key has 32 bytes. */
export async function createBlake3Kernel(
  workspace: KernelWorkspace,
  key: Uint8Array,
): Promise<(data: Uint8Array) => Uint8Array> {
  const ownKey = key.slice();
  const { context } = workspace;
  const exports = await workspace.instantiate<Blake3Exports>({
    plain: BLAKE3_WASM,
    shared: BLAKE3_SHARED_WASM,
  });
  return (data) => {
    workspace.bytes.set(ownKey, context);
    let done = 0;
    if (!workspace.contains(data)) {
      for (; data.length - done > GROUP_LENGTH; done += GROUP_LENGTH) {
        const address = workspace.address(data, done, GROUP_LENGTH);
        exports.update(context, address, 1, done / GROUP_LENGTH);
      }
    }
    const rest = data.length - done;
    exports.finish(context, workspace.address(data, done, rest), rest, done / GROUP_LENGTH);
    const output = context + OUTPUT_OFFSET;
    return workspace.bytes.slice(output, output + DIGEST_LENGTH);
  };
}
