import { decodeBase64, unshared } from '../bytes.ts';
import { LongshoreError } from '../errors.ts';

const PAGE_LENGTH = 65536;

/** Bytes for states, keys and padded blocks: the largest is the context of BLAKE3. */
const CONTEXT_LENGTH = 4096;

/** Bytes of data that are copied at once when they do not lie in the memory of the kernels. */
export const STAGING_LENGTH = 65536;

// Copying into shared memory is ten times slower unless source and target have the same alignment.
const COPY_ALIGNMENT = 8;
const STAGING_STRIDE = STAGING_LENGTH + 64;

/** Bytes of scratch that the kernels of one thread need, from an offset that is a multiple of 16. */
export const HASH_SCRATCH_SIZE: number = CONTEXT_LENGTH + 2 * STAGING_STRIDE;

/** Base64 of a kernel compiled for plain and for shared memory. */
export interface KernelBinary {
  readonly plain: string;
  readonly shared: string;
}

/**
 * The memory that kernels of one thread work in. Data that lies there is read in place, other data passes
 * through the scratch area. Nothing is kept in scratch between calls, so all kernels of a thread share it.
 */
export class KernelWorkspace {
  readonly memory: WebAssembly.Memory;
  /** Address of the context area. */
  readonly context: number;
  #bytes: Uint8Array;

  constructor(memory: WebAssembly.Memory, scratchOffset: number) {
    const end = scratchOffset + HASH_SCRATCH_SIZE;
    if (scratchOffset % 16 !== 0 || scratchOffset < 0 || end > memory.buffer.byteLength) {
      throw new LongshoreError(
        'INVALID_ARGUMENT',
        `kernel scratch at ${scratchOffset}: needs ${HASH_SCRATCH_SIZE} bytes within memory, at a multiple of 16`,
      );
    }
    this.memory = memory;
    this.context = scratchOffset;
    this.#bytes = new Uint8Array(memory.buffer);
  }

  /** All of the memory. Growing a plain memory detaches older views, hence no view is kept by callers. */
  get bytes(): Uint8Array {
    const { buffer } = this.memory;
    if (this.#bytes.buffer !== buffer) this.#bytes = new Uint8Array(buffer);
    return this.#bytes;
  }

  /** True if `data` is a view of this memory: then kernels read it where it is. */
  contains(data: Uint8Array): boolean {
    return data.buffer === this.memory.buffer;
  }

  /**
   * Address at which a kernel can read `length` bytes of `data` from `offset`. Copied to staging area 0 or 1
   * if need be, where `length` is at most {@link STAGING_LENGTH}; valid until that area is used again.
   */
  address(data: Uint8Array, offset: number, length: number, area: 0 | 1 = 0): number {
    const start = data.byteOffset + offset;
    if (this.contains(data)) return start;
    const staging = this.context + CONTEXT_LENGTH + area * STAGING_STRIDE;
    const address = staging + (start % COPY_ALIGNMENT);
    this.bytes.set(data.subarray(offset, offset + length), address);
    return address;
  }

  /** Instantiates a kernel over this memory. `Exports` must be what the kernel's source exports. */
  async instantiate<Exports>(binary: KernelBinary): Promise<Exports> {
    const text = this.memory.buffer instanceof ArrayBuffer ? binary.plain : binary.shared;
    const { instance } = await WebAssembly.instantiate(unshared(decodeBase64(text, 'kernel')), {
      env: { memory: this.memory },
    });
    return instance.exports as Exports;
  }
}

/** A workspace over the given memory, or over a small one of its own into which all data is copied. */
export function createKernelWorkspace(
  memory?: WebAssembly.Memory,
  scratchOffset = 0,
): KernelWorkspace {
  const pages = Math.ceil((scratchOffset + HASH_SCRATCH_SIZE) / PAGE_LENGTH);
  return new KernelWorkspace(memory ?? new WebAssembly.Memory({ initial: pages }), scratchOffset);
}
