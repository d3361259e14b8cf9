import { CorruptDataError } from '../../errors.ts';
import type { ContentID } from '../content-id.ts';
import type { ContentInfo } from '../content-info.ts';
import type { IndexRecord } from './index-record.ts';
import { openIndexV1 } from './index-v1.ts';
import { openIndexV2 } from './index-v2.ts';

/**
 * One index file, searched in its binary form: entries become objects only when asked for. Entry numbers
 * are 0 .. entryCount - 1 in key order. A field that is out of range is CORRUPT_DATA when its entry is read.
 */
export interface PackIndex {
  readonly entryCount: number;
  /** Bytes of each key: one of prefix and the hash. */
  readonly keySize: number;
  /** Bytes held in memory. */
  readonly byteLength: number;
  /** A view, not a copy. */
  keyAt(entry: number): Uint8Array;
  /** `contentID`, if the caller has it, saves making it from the key. */
  infoAt(entry: number, contentID?: ContentID): ContentInfo;
  /** Nothing else of the entry is looked at. */
  isDeleted(entry: number): boolean;
  /** Fills a record; its key is a view, made here unless the caller has it. */
  readRecord(entry: number, target: IndexRecord, key?: Uint8Array): void;
  /** The first entry whose key is not below `key`, which may be of any length; `entryCount` if none. */
  lowerBound(key: Uint8Array): number;
  /** The entry with exactly this key, or -1. */
  indexOf(key: Uint8Array): number;
  find(key: Uint8Array): ContentInfo | undefined;
}

export interface OpenIndexOptions {
  /**
   * What version 1 subtracts from the stored length to get the original length, which it does not store:
   * the cipher's overhead, 28. With error correction the result is too large, as it is in Kopia.
   */
  readonly v1Overhead: number;
}

/**
 * Opens an index of either version, taking `data` over. Sizes and key order are checked here, the rest
 * as entries are read; damage is CORRUPT_DATA naming `what`. Layout: docs/format/index.md.
 */
export function openPackIndex(
  data: Uint8Array,
  what: string,
  options: OpenIndexOptions,
): PackIndex {
  const version = data[0];
  if (version === 1) return openIndexV1(data, what, options.v1Overhead);
  if (version === 2) return openIndexV2(data, what);
  throw new CorruptDataError(`${what}: index version ${version}`, { field: 'version' });
}
