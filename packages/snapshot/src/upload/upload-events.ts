import type { ObjectID } from '@longshore/repo';

/** What an upload tells its caller, synchronously and in no particular order. Paths are relative to the root, with `/`. */
export type UploadEvent =
  | { readonly type: 'directory-started'; readonly path: string }
  | { readonly type: 'directory-finished'; readonly path: string; readonly entryCount: number }
  | { readonly type: 'file-hashing'; readonly path: string; readonly size: number }
  /** Read, hashed and handed to the repository: `size` bytes. */
  | { readonly type: 'file-finished'; readonly path: string; readonly size: number }
  /** Taken over from a previous snapshot without reading. */
  | { readonly type: 'file-cached'; readonly path: string; readonly size: number }
  /** All `files` files and symlinks of a directory were taken over at once: instead of an event for each. */
  | {
      readonly type: 'directory-cached';
      readonly path: string;
      readonly files: number;
      readonly size: number;
    }
  /** Hidden by an ignore rule, the size limit or a file system boundary. */
  | {
      readonly type: 'entry-excluded';
      readonly path: string;
      readonly isDirectory: boolean;
      readonly size: number;
    }
  | {
      readonly type: 'entry-failed';
      readonly path: string;
      readonly error: string;
      readonly ignored: boolean;
    }
  /** A directory of an earlier snapshot could not be read: nothing below it counts as unchanged. */
  | { readonly type: 'previous-unreadable'; readonly name: string; readonly error: string }
  /** `bytes` of file data were read. */
  | { readonly type: 'bytes-read'; readonly bytes: number }
  | { readonly type: 'checkpoint'; readonly manifestID: string; readonly rootObjectID: ObjectID };
