import { portableAlgorithms, type OpenWritableRepository } from '@longshore/repo';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  commitTree,
  createTestRepository,
  dir,
  file,
  link,
  type TreeNode,
} from '../tree-fixture.ts';
import { diffEntries } from './diff-entries.ts';
import { countDifference, newDiffStats } from './diff-stats.ts';
import type { Difference } from './difference.ts';

let repository: OpenWritableRepository;

beforeAll(async () => {
  ({ repository } = await createTestRepository(portableAlgorithms()));
});

async function diff(before: TreeNode, after: TreeNode): Promise<readonly Difference[]> {
  const [a, b] = [await commitTree(repository, before), await commitTree(repository, after)];
  return Array.fromAsync(diffEntries(repository, a, b));
}

function brief(difference: Difference): string {
  const { type, path } = difference;
  if (type !== 'modified') return `${type} ${path} ${difference.entry.type}`;
  const what = difference.contentChanged ? 'content' : 'same';
  return `${type} ${path} ${what} ${difference.fields.join(',')}`;
}

const NEWER = 1_700_000_000_000_000_000n;

describe('a comparison', () => {
  it('finds nothing between equal trees and reads no directory of them', async () => {
    const tree = await commitTree(repository, dir({ a: file('a'), d: dir({ b: file('b') }) }));
    const unreadable = new Proxy(repository, {
      get: (target, name) => {
        if (name === 'openObject') throw new Error('a directory was read');
        return Reflect.get(target, name, target) as unknown;
      },
    });
    expect(await Array.fromAsync(diffEntries(unreadable, tree, tree))).toEqual([]);
  });

  it('names added, removed and changed entries, each directory before what it holds', async () => {
    const found = await diff(
      dir({
        same: file('s'),
        gone: dir({ z: file('z') }),
        f: file('old'),
        sub: dir({ g: file('1') }),
      }),
      dir({
        same: file('s'),
        new: dir({ n: file('n') }),
        f: file('new!'),
        sub: dir({ g: file('2') }),
      }),
    );
    expect(found.map(brief)).toEqual([
      'modified . content ',
      'added ./new d',
      'added ./new/n f',
      'modified ./f content size',
      'modified ./sub content ',
      'modified ./sub/g content ',
      'removed ./gone d',
      'removed ./gone/z f',
    ]);
  });

  it('tells which metadata differ where the content is the same', async () => {
    const found = await diff(
      dir({ f: file('x', { mode: 0o644, uid: 1 }), d: dir({ a: file('a') }, { mode: 0o755 }) }),
      dir({
        f: file('x', { mode: 0o600, uid: 2, gid: 3, mtime: NEWER }),
        d: dir({ a: file('a') }, { mode: 0o700 }),
      }),
    );
    expect(found.map(brief).slice(1)).toEqual([
      'modified ./f same mode,mtime,uid,gid',
      'modified ./d same mode',
    ]);
  });

  it('does not descend where a directory became a file or a file a directory', async () => {
    const found = await diff(
      dir({ a: dir({ x: file('x') }), b: file('b') }),
      dir({ a: file('now a file'), b: dir({ y: file('y') }) }),
    );
    const paths = found.map(({ path }) => path);
    expect(new Set(paths)).toEqual(new Set(['.', './a', './b']));
  });

  it('does not miss a symlink whose target changed to one of the same length', async () => {
    const found = await diff(dir({ l: link('one') }), dir({ l: link('two') }));
    expect(found.map(brief)).toContain('modified ./l content ');
  });

  it('lets the last of several entries with one name count', async () => {
    const found = await diff(
      dir([
        ['f', file('hidden')],
        ['f', file('shown')],
      ]),
      dir({ f: file('shown') }),
    );
    expect(found.map(({ path }) => path)).toEqual(['.']);
  });

  it('shows directories with their summary, but the root as it is', async () => {
    const [root, sub] = await diff(
      dir({ sub: dir({ a: file('1') }) }),
      dir({ sub: dir({ a: file('22', { mtime: NEWER }) }) }),
    );
    expect(root).toMatchObject({ path: '.', fields: [] });
    expect(sub).toMatchObject({
      path: './sub',
      fields: ['size', 'mtime'],
      before: { size: 1 },
      after: { size: 2, mtime: NEWER },
    });
  });
});

describe('the counts of a comparison', () => {
  it('are those of Kopia: once for metadata and once for content', async () => {
    const found = await diff(
      dir({
        changed: file('two'),
        mode: file('m'),
        link: link('same'),
        type: dir({ q: file('q') }),
        gone: dir({ z: file('z') }),
        d: dir({ a: file('a') }, { mode: 0o755 }),
      }),
      dir({
        changed: file('twotwo'),
        mode: file('m', { mode: 0o600 }),
        link: link('changed'),
        type: file('file'),
        new: file('n'),
        d: dir({ a: file('a') }, { mode: 0o700 }),
      }),
    );
    const stats = newDiffStats();
    for (const difference of found) countDifference(stats, difference);
    expect(stats).toEqual({
      fileEntries: {
        added: 1,
        removed: 1,
        // `changed` twice, `link` once, `type` once.
        modified: 4,
        sameContentButDifferentMetadata: 1,
        sameContentButDifferentMode: 1,
        sameContentButDifferentModificationTime: 0,
        sameContentButDifferentUserOwner: 0,
        sameContentButDifferentGroupOwner: 0,
      },
      directoryEntries: {
        added: 0,
        removed: 1,
        modified: 0,
        sameContentButDifferentMetadata: 1,
        sameContentButDifferentMode: 1,
        sameContentButDifferentModificationTime: 0,
        sameContentButDifferentUserOwner: 0,
        sameContentButDifferentGroupOwner: 0,
      },
    });
  });
});
