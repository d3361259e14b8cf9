import { encodeUtf8 } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import {
  CACHE_DIRECTORY_TAG_LENGTH,
  isCacheDirectoryTag,
  storesCacheDirectoriesEmpty,
} from './cache-directory.ts';
import { IgnoreContext, type ExclusionCandidate } from './ignore-context.ts';
import { DEFAULT_POLICY, EMPTY_POLICY, type FilesPolicy, type Policy } from './policy.ts';

const FILE: ExclusionCandidate = { type: 'f', size: 10, device: 1n };
const DIRECTORY: ExclusionCandidate = { type: 'd', size: 0, device: 1n };

function policyOf(files: FilesPolicy): Policy {
  return { ...EMPTY_POLICY, files };
}

function rootContext(files: FilesPolicy, ...ignoreFiles: readonly string[]): IgnoreContext {
  return IgnoreContext.EMPTY.enter({
    path: '',
    definedPolicy: policyOf(files),
    ignoreFiles: ignoreFiles.map(encodeUtf8),
  });
}

function below(
  context: IgnoreContext,
  path: string,
  ...ignoreFiles: readonly string[]
): IgnoreContext {
  return context.enter({
    path,
    definedPolicy: undefined,
    ignoreFiles: ignoreFiles.map(encodeUtf8),
  });
}

describe('an ignore context', () => {
  it('is shared by directories without rules of their own', () => {
    const root = rootContext({ ignore: ['*.tmp'] });
    expect(below(root, 'sub')).toBe(root);
    expect(below(root, 'sub', '')).not.toBe(root);
  });

  it('asks the rules of the policy first and then those of the files', () => {
    const root = rootContext({ ignore: ['*.tmp'] }, '!keep.tmp\n', '*.log\n');
    expect(root.exclusion(FILE, 'a.tmp', 1n)).toBe('rule');
    expect(root.exclusion(FILE, 'keep.tmp', 1n)).toBeUndefined();
    expect(root.exclusion(FILE, 'sub/a.log', 1n)).toBe('rule');
  });

  it('lets a file below bring back what a rule above excludes', () => {
    const root = rootContext({ ignore: ['*.tmp'] });
    const sub = below(root, 'sub', '!a.tmp\n/b');
    expect(sub.exclusion(FILE, 'sub/a.tmp', 1n)).toBeUndefined();
    expect(sub.exclusion(FILE, 'sub/c.tmp', 1n)).toBe('rule');
    expect(sub.exclusion(FILE, 'sub/b', 1n)).toBe('rule');
    expect(sub.exclusion(FILE, 'sub/deep/b', 1n)).toBeUndefined();
  });

  it('goes on with the rules above where a policy says noParentIgnore', () => {
    const root = rootContext({ ignore: ['*.tmp'] });
    const sub = root.enter({
      path: 'sub',
      definedPolicy: policyOf({ noParentIgnore: true }),
      ignoreFiles: [],
    });
    expect(sub.exclusion(FILE, 'sub/a.tmp', 1n)).toBe('rule');
  });

  it('consults a plain rule only for what is stored, a negated one only for what is not', () => {
    const root = rootContext({ ignore: ['a*', '!ab*', 'abc'] });
    expect(root.exclusion(FILE, 'a', 1n)).toBe('rule');
    expect(root.exclusion(FILE, 'abd', 1n)).toBeUndefined();
    expect(root.exclusion(FILE, 'abc', 1n)).toBe('rule');
    expect(rootContext({ ignore: ['!a', 'b'] }).exclusion(FILE, 'a', 1n)).toBeUndefined();
  });

  it('takes the names of ignore files from the policy of the directory, else from above', () => {
    const root = rootContext({ ignoreDotFiles: ['.kopiaignore'] });
    expect(root.ignoreFileNames(undefined)).toEqual(['.kopiaignore']);
    expect(root.ignoreFileNames(policyOf({}))).toEqual([]);
    expect(IgnoreContext.EMPTY.ignoreFileNames(DEFAULT_POLICY)).toEqual(['.kopiaignore']);
  });

  it('excludes files and symlinks above the size limit, and keeps the limit below', () => {
    const root = rootContext({ maxFileSize: 9 });
    expect(root.exclusion(FILE, 'a', 1n)).toBe('size');
    expect(root.exclusion({ ...FILE, type: 's' }, 'a', 1n)).toBe('size');
    expect(root.exclusion({ ...FILE, size: 9 }, 'a', 1n)).toBeUndefined();
    expect(root.exclusion({ ...DIRECTORY, size: 4096 }, 'a', 1n)).toBeUndefined();
    const sub = root.enter({ path: 'sub', definedPolicy: policyOf({}), ignoreFiles: [] });
    expect(sub.exclusion(FILE, 'sub/a', 1n)).toBe('size');
  });

  it('stays on the device of the parent if asked, until a policy below does not say so', () => {
    const root = rootContext({ oneFileSystem: true });
    expect(root.exclusion({ ...DIRECTORY, device: 2n }, 'mnt', 1n)).toBe('device');
    expect(root.exclusion({ ...DIRECTORY, device: 2n }, 'mnt', 2n)).toBeUndefined();
    expect(below(root, 'sub', 'x').exclusion({ ...FILE, device: 2n }, 'sub/a', 1n)).toBe('device');
    const sub = root.enter({ path: 'sub', definedPolicy: policyOf({}), ignoreFiles: [] });
    expect(sub.exclusion({ ...FILE, device: 2n }, 'sub/a', 1n)).toBeUndefined();
  });

  it('fails on a malformed rule', () => {
    expect(() => below(IgnoreContext.EMPTY, '', '[a')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('reads ignore files that are not valid UTF-8', () => {
    const context = IgnoreContext.EMPTY.enter({
      path: '',
      definedPolicy: undefined,
      ignoreFiles: [Uint8Array.of(0xff, 0x0a, 0x61)],
    });
    expect(context.exclusion(FILE, 'a', 1n)).toBe('rule');
    expect(context.exclusion(FILE, '\ufffd', 1n)).toBe('rule');
  });
});

describe('a cache directory', () => {
  const signature = 'Signature: 8a477f597d28d172789f06886806bc55';

  it.each([
    [signature, true],
    [`${signature}\n# made by a test`, true],
    [signature.slice(0, -1), false],
    [` ${signature}`, false],
    ['', false],
  ])('is known by the start of its tag file %j: %s', (content, expected) => {
    expect(isCacheDirectoryTag(encodeUtf8(content))).toBe(expected);
  });

  it('is stored empty unless the policy says otherwise', () => {
    expect(CACHE_DIRECTORY_TAG_LENGTH).toBe(43);
    expect(storesCacheDirectoriesEmpty(EMPTY_POLICY)).toBe(true);
    expect(storesCacheDirectoriesEmpty(policyOf({ ignoreCacheDirs: false }))).toBe(false);
  });
});
