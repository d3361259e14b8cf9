import type { AbortOptions } from '../blob/storage.ts';
import type { CompressorName } from '../compression/compressor.ts';
import type { ContentInfo } from './content-info.ts';

/**
 * A buffer of fixed size that lies where workers can read it without copying (shared memory where workers
 * are used). Whoever acquired it owns it until `release`, which may be called once.
 */
export interface Slot {
  readonly bytes: Uint8Array;
  release(): void;
}

/** A bounded number of slots of one size: waiting for a free one is the back-pressure of the whole write path. */
export interface SlotPool {
  /** Bytes of each slot. */
  readonly slotSize: number;
  acquire(options?: AbortOptions): Promise<Slot>;
  /**
   * The right to keep one slot while waiting for more input. So few are given out that slots always come
   * back to those who wait; undefined: none is left, and the asker uses memory of its own. Ends by calling
   * the result, once.
   */
  tryHold(): (() => void) | undefined;
  /** What `target.set(source)` does, at full speed even if one or both lie in shared memory at odd offsets. */
  copy(source: Uint8Array, target: Uint8Array): void;
}

/** A content whose hash is known and which the repository does not hold yet. */
export interface UnsealedContent {
  /** Borrowed until the call settles. Copied to workers unless it lies in a slot. */
  readonly data: Uint8Array;
  readonly hash: Uint8Array;
  /** Compress if that makes it strictly shorter; undefined: store as it is. */
  readonly compressor: CompressorName | undefined;
}

export interface SealedContent {
  /** Stored bytes: after compression, encryption and error correction. */
  readonly length: number;
  /** 0: not compressed. */
  readonly compressionHeaderID: number;
}

export interface StoredContent {
  /** The bytes of `info.packOffset .. + info.packedLength`. Borrowed until the call settles. */
  readonly bytes: Uint8Array;
  readonly info: ContentInfo;
}

export interface OpenedContent {
  /** The plaintext, owned by the receiver. */
  readonly data: Uint8Array;
  /** True if error correction had to mend the stored bytes. */
  readonly repaired: boolean;
}

/** An open file of this process, and where in it all bytes of one content go. */
export interface FilePlace {
  /** Open for writing until the outcome is known. */
  readonly fd: number;
  /** In bytes, like all here. */
  readonly position: number;
  readonly length: number;
  /** Blocks of zeros of this size are left out: the file has its final length, and holes there. 0: none are. */
  readonly holeSize: number;
}

/** A content whose stored bytes lie in a buffer of an {@link InPlaceOpener}. */
export interface DestinedContent {
  readonly info: ContentInfo;
  /** Where in the buffer its `info.packedLength` bytes begin. */
  readonly start: number;
  /** The plaintext is written to each and goes nowhere else. Undefined: it is handed over. */
  readonly places: readonly FilePlace[] | undefined;
}

export type OpenOutcome = OpenedContent | { readonly error: unknown };

/** A sound content of `length` bytes. `failures`: one for each place in order, undefined where they were written. */
export interface WrittenContent {
  readonly length: number;
  readonly failures: readonly unknown[];
  readonly repaired: boolean;
}

/** Opens contents where their stored bytes have been read to, and may write them to files from there. */
export interface InPlaceOpener {
  /** Bytes of each buffer. */
  readonly bufferLength: number;
  /** A buffer to read stored bytes into. There is a bounded number of them. */
  acquire(options?: AbortOptions): Promise<Slot>;
  /**
   * The same checks as {@link ContentPreparer.open}. The stored bytes, in a buffer that was acquired, are lost; data that
   * is handed over may lie there. What fails is an outcome like any other. Files must stay open until the promise has
   * settled.
   */
  open(
    buffer: Slot,
    batch: readonly DestinedContent[],
  ): Promise<readonly (OpenOutcome | WrittenContent)[]>;
}

/** A small file, and where in a slot its bytes are to lie: at most `capacity` of them. */
export interface FileToLoad {
  /** Bytes only if it is not valid UTF-8. */
  readonly path: string | Uint8Array;
  readonly offset: number;
  readonly capacity: number;
}

/** `grew`: the file does not end within its capacity. */
export type LoadedFile =
  | { readonly length: number; readonly hash: Uint8Array }
  | { readonly grew: true }
  | { readonly error: unknown };

/** What the threads of an engine do for others: the only thing that crosses is data that can be posted. */
export interface ThreadTask {
  /** URL of a module of this program that exports `run`, a {@link ThreadFunction}. */
  readonly module: string;
  readonly input: unknown;
  /** Buffers of `input` that move to the thread. */
  readonly moved: readonly ArrayBuffer[];
}

/** Runs to its end without waiting for anything. What it throws reaches the caller. */
export type ThreadFunction = (input: never) => {
  readonly output: unknown;
  /** Buffers of `output` that move to the caller. */
  readonly moved: readonly ArrayBuffer[];
};

/** Gives the output. ABORTED if the repository is closed meanwhile. */
export type ThreadCall = (task: ThreadTask, options?: AbortOptions) => Promise<unknown>;

/**
 * The computing part of writing and reading contents: the unit of parallel work. In-thread, or on a
 * bounded pool of workers; a batch is one message, so that small contents do not cost one each.
 * Results are in the order of the input.
 */
export interface ContentPreparer extends AsyncDisposable {
  /** How many batches run at once: callers keep about twice as many in flight. */
  readonly parallelism: number;
  /** Where plaintext is collected; a slot holds the largest segment of the repository's splitter. */
  readonly slots: SlotPool;
  /** A buffer that `seal` fills without a copy: shared memory where workers are used. */
  createBuffer(length: number): Uint8Array;
  hash(batch: readonly Uint8Array[], options?: AbortOptions): Promise<readonly Uint8Array[]>;
  /**
   * Reads small files of this machine where they are hashed. Absent: the caller reads them itself. What
   * cannot be read is an answer like any other.
   */
  readonly loadFiles?: (
    files: readonly FileToLoad[],
    slot: Slot,
    options?: AbortOptions,
  ) => Promise<readonly LoadedFile[]>;
  /** Work of another package on the same threads. Absent: there are none. */
  readonly call?: ThreadCall;
  /** Stored bytes of a content of this many plaintext bytes when it is not compressed; compressed ones are shorter. */
  sealedLength(plaintextLength: number): number;
  /**
   * Writes the sealed contents back to back from the start of `target`, which has room for the sum of
   * their `sealedLength`. Copied from workers unless `target` lies in shared memory.
   */
  seal(
    batch: readonly UnsealedContent[],
    target: Uint8Array,
    options?: AbortOptions,
  ): Promise<readonly SealedContent[]>;
  /**
   * Authenticated, decompressed and compared with its ID; any doubt is CORRUPT_DATA naming content, pack
   * and offset.
   */
  open(batch: readonly StoredContent[], options?: AbortOptions): Promise<readonly OpenedContent[]>;
  /** For reading in bulk. Absent: only {@link open}. */
  readonly inPlace?: InPlaceOpener;
}
