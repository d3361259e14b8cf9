import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LongshoreError } from '@longshore/repo';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DirectoryEntry } from '../entry.ts';
import { openLocalEntry } from '../node/local-entry.ts';
import { DEFAULT_POLICY, type Policy } from '../policy/policy.ts';
import { buildPolicyTree } from '../policy/policy-tree.ts';
import { estimateSnapshot, type EstimateEvent, type EstimateOptions } from './estimate.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-estimate-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(path: string, length: number | string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), typeof length === 'string' ? length : Buffer.alloc(length));
}

function rootOf(): DirectoryEntry {
  const root = openLocalEntry(folder);
  if (root.type !== 'd') throw new Error('the root is no directory');
  return root;
}

async function estimate(policy: Partial<Policy> = {}, options: EstimateOptions = {}) {
  return estimateSnapshot(rootOf(), buildPolicyTree({ ...DEFAULT_POLICY, ...policy }), options);
}

describe('an estimate', () => {
  it('counts what an upload would store, by size', async () => {
    write('empty', 0);
    write('small', 999);
    write('d/k', 1000);
    write('d/large', 200_000);
    symlinkSync('small', join(folder, 'link'));
    const result = await estimate();
    expect(result).toMatchObject({
      files: 4,
      totalSize: 201_999,
      directories: 2,
      symlinks: 1,
      excludedFiles: 0,
      errors: 0,
    });
    const filled = result.included.filter(({ count }) => count > 0);
    expect(filled.map(({ minSize, count, totalSize }) => [minSize, count, totalSize])).toEqual([
      [1e5, 1, 200_000],
      [1e3, 1, 1000],
      [0, 2, 999],
    ]);
    expect(filled[0]!.examples).toEqual([{ path: 'd/large', size: 200_000 }]);
  });

  it('counts what rules exclude, and a marked cache as one directory', async () => {
    write('.kopiaignore', '*.log\nsecret\n');
    write('a.log', 7);
    write('d/b.log', 5);
    write('secret/x', 1);
    write('cache/CACHEDIR.TAG', 'Signature: 8a477f597d28d172789f06886806bc55');
    write('cache/much', 5000);
    const result = await estimate();
    expect(result).toMatchObject({
      files: 1,
      excludedFiles: 2,
      excludedSize: 12,
      excludedDirectories: 2,
    });
    expect([...result.excludedDirectoryExamples].sort()).toEqual(['cache', 'secret']);
  });

  it('counts files above the size limit on their own', async () => {
    write('large', 11);
    write('small', 10);
    const files = { ...DEFAULT_POLICY.files, maxFileSize: 10 };
    expect(await estimate({ files })).toMatchObject({
      files: 1,
      beyondLimits: 1,
      excludedFiles: 0,
    });
  });

  it('keeps no more examples than it is asked for', async () => {
    for (const name of ['a', 'b', 'c']) write(name, 1);
    const { included } = await estimate({}, { maxExamples: 2 });
    expect(included.at(-1)).toMatchObject({ count: 3, examples: { length: 2 } });
  });

  it('goes on after a directory that cannot be listed', async () => {
    write('good', 1);
    const root = rootOf();
    const children = await root.readChildren();
    const broken: DirectoryEntry = {
      ...root,
      name: 'broken',
      readChildren: async () => {
        throw new LongshoreError('SOURCE_UNREADABLE', 'no access');
      },
    };
    const events: EstimateEvent[] = [];
    const result = await estimateSnapshot(
      { ...root, type: 'd', readChildren: async () => [broken, ...children] },
      buildPolicyTree(DEFAULT_POLICY),
      { onEvent: (event) => events.push(event) },
    );
    expect(result).toMatchObject({ files: 1, errors: 1, ignoredErrors: 0 });
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'error', path: 'broken', ignored: false }),
    );
  });
});
