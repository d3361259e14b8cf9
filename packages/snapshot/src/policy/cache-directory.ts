import { encodeUtf8, equalBytes } from '@longshore/repo';
import type { Policy } from './policy.ts';

/** The file by which programs mark a directory as a cache: https://bford.info/cachedir/. */
export const CACHE_DIRECTORY_TAG_NAME = 'CACHEDIR.TAG';

const SIGNATURE = encodeUtf8('Signature: 8a477f597d28d172789f06886806bc55');

/** Bytes of a tag file that {@link isCacheDirectoryTag} looks at. */
export const CACHE_DIRECTORY_TAG_LENGTH: number = SIGNATURE.length;

/** `start` holds at least the first {@link CACHE_DIRECTORY_TAG_LENGTH} bytes of a tag file, or all of a shorter one. */
export function isCacheDirectoryTag(start: Uint8Array): boolean {
  return equalBytes(start.subarray(0, SIGNATURE.length), SIGNATURE);
}

/** Whether a directory with a tag is stored empty; `policy` is that of the directory's node. */
export function storesCacheDirectoriesEmpty(policy: Policy): boolean {
  return policy.files.ignoreCacheDirs ?? true;
}
