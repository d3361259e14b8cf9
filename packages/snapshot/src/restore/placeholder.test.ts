import { readFileSync } from 'node:fs';
import { encodeUtf8, parseObjectID, type OpenWritableRepository } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { EMPTY_SUMMARY, type DirEntry } from '../dir-manifest.ts';
import { commitTree, createTestRepository, dir, file, link } from '../tree-fixture.ts';
import { MemoryOutput } from './memory-output.ts';
import { encodePlaceholder, mayHavePlaceholder, parsePlaceholder } from './placeholder.ts';
import type { RestoreOptions } from './restore-run.ts';
import { restoreSnapshot } from './restore.ts';

let repository: OpenWritableRepository;
beforeAll(async () => {
  ({ repository } = await createTestRepository(nativeAlgorithms()));
});

const FILE: DirEntry = {
  name: 'f',
  type: 'f',
  mode: 0o644,
  size: 6,
  mtime: 1_704_164_645_120_000_000n,
  uid: 1000,
  gid: 100,
  objectID: parseObjectID('bc392cb6dc62013ef767027e8964392e'),
};

const DIRECTORY: DirEntry = {
  ...FILE,
  name: 'd',
  type: 'd',
  mode: 0o755,
  size: 0,
  objectID: parseObjectID('kd184e93c0638bb0c793feb111836aa43'),
  summary: { ...EMPTY_SUMMARY, size: 42, files: 1, dirs: 1, maxTime: 1_714_979_289_000_000_001n },
};

const PAGE = new URL('../../../../docs/format/placeholder.md', import.meta.url);
const [FILE_JSON = '', DIRECTORY_JSON = ''] = [
  ...readFileSync(PAGE, 'utf8').matchAll(/```json\n(.*?\n)```/gs),
].map(([, json]) => json);

describe('a placeholder', () => {
  it('of a file is its entry', () => {
    expect(new TextDecoder().decode(encodePlaceholder(FILE))).toBe(FILE_JSON);
    expect(parsePlaceholder(encodeUtf8(FILE_JSON), 'f')).toEqual(FILE);
  });

  it('of a directory has the size and newest time of what is in it', () => {
    expect(new TextDecoder().decode(encodePlaceholder(DIRECTORY))).toBe(DIRECTORY_JSON);
    expect(parsePlaceholder(encodeUtf8(DIRECTORY_JSON), 'd')).toMatchObject({
      size: 42,
      mtime: 1_714_979_289_000_000_001n,
      objectID: DIRECTORY.objectID,
    });
  });

  it.each([
    '',
    'not JSON',
    '[]',
    '{"name":"f","type":"f","obj":""}',
    '{"name":"f","type":"s","obj":"bc392cb6dc62013ef767027e8964392e"}',
    '{"name":"f","type":"f","obj":"nonsense"}',
  ])('is not read from %j', (text) => {
    expect(() => parsePlaceholder(encodeUtf8(text), 'somewhere/f')).toThrow(
      expect.objectContaining({
        code: 'CORRUPT_DATA',
        message: expect.stringContaining('somewhere/f'),
      }),
    );
  });

  it('has a name of at most 255 bytes', () => {
    expect(mayHavePlaceholder('x'.repeat(243))).toBe(true);
    expect(mayHavePlaceholder('x'.repeat(244))).toBe(false);
    expect(mayHavePlaceholder('é'.repeat(122))).toBe(false);
  });
});

const TREE = dir({
  d: dir({ e: dir({ f: file('deep') }), g: file('12345') }, { mode: 0o2755 }),
  l: link('x'),
  f: file('123', { mode: 0o666, mtime: 77n, uid: 5, gid: 6 }),
});

async function restore(
  options: RestoreOptions,
  output = new MemoryOutput(),
  tree = TREE,
): Promise<MemoryOutput> {
  await restoreSnapshot(repository, await commitTree(repository, tree), output, options);
  return output;
}

describe('a shallow restore', () => {
  it('leaves placeholders for what is deeper, symlinks excepted', async () => {
    const output = await restore({ restoreDirEntryAtDepth: 0 });
    expect(output.finished).toEqual([
      '',
      'd.kopia-entry',
      'd.kopia-entry/.kopia-entry',
      'f.kopia-entry',
      'l',
    ]);
    expect(output.text('f.kopia-entry')).toContain('{"name":"f","type":"f","mode":"0666","size":3');
    expect(output.entries.get('f.kopia-entry')?.attributes).toEqual({
      mode: 0o444,
      mtime: 77n,
      uid: 5,
      gid: 6,
    });
    expect(output.entries.get('d.kopia-entry')?.attributes?.mode).toBe(0o700);
    expect(output.text('d.kopia-entry/.kopia-entry')).toContain('"name":"d","type":"d"');
  });

  it.each([
    [1, ['', 'd', 'd/e.kopia-entry', 'd/e.kopia-entry/.kopia-entry', 'd/g.kopia-entry', 'f', 'l']],
    [2, ['', 'd', 'd/e', 'd/e/f.kopia-entry', 'd/g', 'f', 'l']],
    [3, ['', 'd', 'd/e', 'd/e/f', 'd/g', 'f', 'l']],
  ])('restores %i levels', async (restoreDirEntryAtDepth, expected) => {
    const output = await restore({ restoreDirEntryAtDepth });
    expect(output.finished).toEqual(expected);
  });

  it('restores small files at any depth', async () => {
    const output = await restore({ restoreDirEntryAtDepth: 0, minSizeForPlaceholder: 4 });
    expect(output.text('f')).toBe('123');
    const larger = await restore({ restoreDirEntryAtDepth: 1, minSizeForPlaceholder: 6 });
    expect(larger.finished).toContain('d/g');
    const equal = await restore({ restoreDirEntryAtDepth: 0, minSizeForPlaceholder: 3 });
    expect(equal.finished).toContain('f.kopia-entry');
  });

  it('restores fully what has too long a name for a placeholder', async () => {
    const [d, f] = ['d'.repeat(250), 'f'.repeat(250)];
    const tree = dir({ [d]: dir({ x: file('x') }), [f]: file('f') });
    const output = await restore({ restoreDirEntryAtDepth: 0 }, undefined, tree);
    expect(output.finished).toEqual(['', d, `${d}/x.kopia-entry`, f]);
  });

  it('refuses a placeholder beside the entry itself', async () => {
    const output = await restore({});
    await expect(restore({ restoreDirEntryAtDepth: 0 }, output)).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      facts: expect.objectContaining({ path: 'd' }),
    });
  });

  it('keeps placeholders when it deletes extra entries', async () => {
    const output = await restore({ restoreDirEntryAtDepth: 0, deleteExtra: true });
    expect(output.calls[0]).toBe('delete extra : d d.kopia-entry l f f.kopia-entry');
  });
});

describe('expanding', () => {
  it('replaces a placeholder by one level of what it stands for', async () => {
    const output = await restore({ restoreDirEntryAtDepth: 0 });
    const bytes = output.entries.get('d.kopia-entry/.kopia-entry')!.data;
    const entry = parsePlaceholder(bytes, 'd.kopia-entry');
    const summary = await restoreSnapshot(repository, entry, output, {
      name: 'd',
      restoreDirEntryAtDepth: 0,
    });
    expect(summary).toMatchObject({ directories: 1, placeholders: 2, errors: 0 });
    expect(output.finished).toContain('d/e.kopia-entry/.kopia-entry');
    expect(output.finished).not.toContain('d.kopia-entry');
    expect(output.finished).toContain('f.kopia-entry');
  });

  it('replaces the placeholder of a file only once the file is complete', async () => {
    let broken = true;
    const output = new MemoryOutput({
      onCall: (call, path) => {
        if (broken && call === 'close' && path === 'f') throw new Error('broken');
      },
    });
    await restore({ restoreDirEntryAtDepth: 0 }, output);
    const entry = parsePlaceholder(output.entries.get('f.kopia-entry')!.data, 'f.kopia-entry');
    await expect(restoreSnapshot(repository, entry, output)).rejects.toThrow('broken');
    expect(output.finished).toContain('f.kopia-entry');
    broken = false;
    await restoreSnapshot(repository, entry, output);
    expect(output.text('f')).toBe('123');
    expect(output.finished).not.toContain('f.kopia-entry');
  });

  it('leaves alone an entry of the snapshot that has the name of a placeholder', async () => {
    const output = await restore(
      {},
      undefined,
      dir({ f: file('f'), 'f.kopia-entry': file('a user’s own') }),
    );
    expect(output.finished).toEqual(['', 'f', 'f.kopia-entry']);
  });
});
