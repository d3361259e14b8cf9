import { describeError, hasCode, LongshoreError } from '@longshore/repo';
import type { Entry } from '../entry.ts';
import {
  CACHE_DIRECTORY_TAG_LENGTH,
  CACHE_DIRECTORY_TAG_NAME,
  isCacheDirectoryTag,
  storesCacheDirectoriesEmpty,
} from '../policy/cache-directory.ts';
import { IgnoreContext } from '../policy/ignore-context.ts';
import type { PolicyNode } from '../policy/policy-tree.ts';

/** Bytes of an ignore file; a larger one is refused rather than applied in part. */
const MAX_IGNORE_FILE_LENGTH = 16 * 1024 * 1024;

/** What is stored of a directory's entries. */
export interface DirectoryRules {
  readonly context: IgnoreContext;
  /** It is marked as a cache: stored, but empty. */
  readonly isCacheDirectory: boolean;
}

/** Names of entries that decide about others, so that {@link directoryRules} has to see them. */
export function ruleNames(parent: IgnoreContext, { policy, definedPolicy }: PolicyNode): string[] {
  const names = [...parent.ignoreFileNames(definedPolicy)];
  if (storesCacheDirectoriesEmpty(policy)) names.push(CACHE_DIRECTORY_TAG_NAME);
  return names;
}

/**
 * Reads what a directory itself says about its entries: ignore files and a cache tag. SOURCE_UNREADABLE if
 * one of them cannot be read or holds a malformed rule.
 */
export function directoryRules(
  parent: IgnoreContext,
  path: string,
  node: PolicyNode,
  children: readonly Entry[],
): DirectoryRules {
  const { policy, definedPolicy } = node;
  if (storesCacheDirectoriesEmpty(policy) && hasCacheTag(children)) {
    return { context: parent, isCacheDirectory: true };
  }
  const names = parent.ignoreFileNames(definedPolicy);
  const ignoreFiles: Uint8Array[] = [];
  for (const name of names) {
    const child = children.find((candidate) => candidate.name === name);
    const content = child === undefined ? undefined : readIgnoreFile(child);
    if (content !== undefined) ignoreFiles.push(content);
  }
  try {
    const context = parent.enter({ path, definedPolicy, ignoreFiles });
    return { context, isCacheDirectory: false };
  } catch (error) {
    if (!hasCode(error, 'INVALID_ARGUMENT')) throw error;
    throw new LongshoreError(
      'SOURCE_UNREADABLE',
      `ignore rules of ${path === '' ? 'the root' : path}: ${describeError(error)}`,
      { path, cause: error },
    );
  }
}

function hasCacheTag(children: readonly Entry[]): boolean {
  const tag = children.find(({ name }) => name === CACHE_DIRECTORY_TAG_NAME);
  if (tag?.type !== 'f' || tag.size < CACHE_DIRECTORY_TAG_LENGTH) return false;
  const reader = tag.open();
  try {
    const start = new Uint8Array(CACHE_DIRECTORY_TAG_LENGTH);
    return isCacheDirectoryTag(start.subarray(0, reader.readInto(start, 0)));
  } finally {
    reader.close();
  }
}

/** Undefined for what is neither a regular file nor a symlink to one. */
function readIgnoreFile(entry: Entry): Uint8Array | undefined {
  const file = entry.type === 's' ? entry.resolve() : entry;
  if (file?.type !== 'f') return undefined;
  if (file.size > MAX_IGNORE_FILE_LENGTH) {
    throw new LongshoreError(
      'SOURCE_UNREADABLE',
      `ignore file ${entry.name}: ${file.size} bytes, at most ${MAX_IGNORE_FILE_LENGTH} are read`,
    );
  }
  const content = new Uint8Array(file.size + 1);
  const length = file.readWhole(content);
  if (length === undefined) {
    throw new LongshoreError(
      'SOURCE_UNREADABLE',
      `ignore file ${entry.name} grew while it was read`,
    );
  }
  return content.subarray(0, length);
}
