import type { AbortOptions, ObjectID } from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';

/** What to verify, with all that is below it: an entry, or an object of which no more than the ID is known. */
export type VerifyRoot = {
  /** In front of the paths below it, in errors and events. */
  readonly name: string;
} & (
  | { readonly entry: DirEntry }
  /** The prefix of the ID tells a directory from a file, unless it is said to be one. */
  | { readonly objectID: ObjectID; readonly type?: 'd' }
);

/** Damage of one object. */
export interface VerifyError {
  /** Where the object was met first. */
  readonly path: string;
  readonly objectID: ObjectID | undefined;
  readonly error: unknown;
}

export type VerifyEvent =
  /** Totals so far: distinct objects, and bytes of file contents. */
  | {
      readonly type: 'progress';
      readonly directories: number;
      readonly files: number;
      readonly bytesRead: number;
    }
  | ({ readonly type: 'error' } & VerifyError);

export interface VerifyOptions extends AbortOptions {
  /** 0 to 100: how likely each file is read to its last byte. Default 0. */
  readonly verifyFilesPercent?: number;
  /** 0 (included) to 1 (not included). Needed unless the percentage is 0 or 100. */
  readonly randomFraction?: () => number;
  /** Errors after which to stop; 0 acts as 1, a negative number never stops. Default 0, as Kopia's. */
  readonly maxErrors?: number;
  /** Requests to the storage at once. Default 8. */
  readonly parallel?: number;
  /** Bytes of contents held at once. Default 64 MiB. */
  readonly memoryLimit?: number;
  /** Objects and contents that are remembered as done; what is forgotten may be checked again. Default 250 000 of each. */
  readonly maxRemembered?: number;
  readonly onEvent?: (event: VerifyEvent) => void;
}

export interface VerifyResult {
  /** Distinct objects. */
  readonly directories: number;
  /** Distinct objects of files and symlinks. */
  readonly files: number;
  /** Their recorded sizes together, in bytes. */
  readonly fileBytes: number;
  /** Those read to the last byte. */
  readonly filesRead: number;
  /** Plaintext bytes of distinct contents, those of directories not counted. */
  readonly bytesRead: number;
  readonly packs: number;
  readonly errorCount: number;
  /** The first 10 000. */
  readonly errors: readonly VerifyError[];
  /** False: `maxErrors` was reached, and the rest is not known. */
  readonly finished: boolean;
}
