import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseObjectID } from '@longshore/repo';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  compareDirEntries,
  EMPTY_SUMMARY,
  encodeDirManifest,
  type DirEntry,
} from '../dir-manifest.ts';
import type { DirectoryEntry, Entry } from '../entry.ts';
import { listedEntry } from '../listed-entry.ts';
import { storedEntry } from '../upload/directory-upload.ts';
import { compareDirectory } from './compare-directory.ts';
import { run } from './compare-task.ts';
import { openLocalEntry } from './local-entry.ts';
import { createLocalLister, RECORD_WORDS } from './local-listing.ts';
import { loadLibc } from './libc.ts';

const FILE_ID = parseObjectID('00112233445566778899aabbccddeeff');
const DIRECTORY_ID = parseObjectID('k00112233445566778899aabbccddeeff');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-compare-'));
  writeFileSync(join(folder, 'file'), 'five!');
  writeFileSync(join(folder, 'ärmel 😀'), '');
  chmodSync(join(folder, 'file'), 0o4751);
  symlinkSync('nowhere', join(folder, 'link'));
  mkdirSync(join(folder, 'sub'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function directory(): DirectoryEntry {
  const entry = openLocalEntry(folder);
  if (entry.type !== 'd') throw new Error('not a directory');
  return entry;
}

/** The entries as a snapshot would hold them. */
async function entries(): Promise<DirEntry[]> {
  const children = await directory().readChildren();
  return children
    .map((child) => storedEntry(child, child.type === 'd' ? DIRECTORY_ID : FILE_ID))
    .sort(compareDirEntries);
}

function stream(of: readonly DirEntry[]): Uint8Array {
  return encodeDirManifest({ entries: of, summary: EMPTY_SUMMARY });
}

function isSame(of: readonly DirEntry[], exceptions: readonly string[] = []): boolean {
  return compareDirectory({ path: folder, stored: stream(of), exceptions }).same !== undefined;
}

describe('comparing a local directory with a stored one', () => {
  it('finds that nothing changed, and what there is to look at below', async () => {
    const { same, local } = compareDirectory({
      path: folder,
      stored: stream(await entries()),
      exceptions: [],
    });
    expect(same).toMatchObject({ fileCount: 3, totalSize: 12, keyLength: 17 });
    expect(same!.contentKeys).toHaveLength(3 * 17);
    expect(same!.contentKeys.subarray(0, 5)).toEqual(Uint8Array.of(0, 0, 0x11, 0x22, 0x33));
    expect(listedEntry(same!.listing, 0, 'test').name).toBe('sub');
    expect([local!.count, local!.records.length]).toEqual([1, RECORD_WORDS]);
  });

  it.each<[string, (path: string) => void]>([
    ['a file that grew', (path) => writeFileSync(join(path, 'file'), 'sixsix')],
    ['a file of another time', (path) => utimesSync(join(path, 'file'), 1, 1.000001)],
    ['a file of another mode', (path) => chmodSync(join(path, 'file'), 0o751)],
    ['a symlink of another time', (path) => lutimesSync(join(path, 'link'), 1, 1)],
    ['a new file', (path) => writeFileSync(join(path, 'new'), '')],
    ['a lost file', (path) => rmSync(join(path, 'file'))],
    [
      'a file in the place of another',
      (path) => {
        rmSync(join(path, 'file'));
        writeFileSync(join(path, 'elif'), 'five!');
      },
    ],
    [
      'a directory in the place of a file',
      (path) => {
        rmSync(join(path, 'file'));
        mkdirSync(join(path, 'file'));
      },
    ],
  ])('notices %s', async (_, change) => {
    const before = await entries();
    change(folder);
    expect(isSame(before)).toBe(false);
    expect(isSame(await entries())).toBe(true);
  });

  it.each<[string, (entry: DirEntry) => DirEntry]>([
    ['another owner', (entry) => ({ ...entry, uid: entry.uid + 1 })],
    ['another group', (entry) => ({ ...entry, gid: entry.gid + 1 })],
    ['a nanosecond more', (entry) => ({ ...entry, mtime: entry.mtime + 1n })],
    [
      '2^32 seconds more',
      (entry) => ({ ...entry, mtime: entry.mtime + (1n << 32n) * 1_000_000_000n }),
    ],
    ['4 GiB more', (entry) => ({ ...entry, size: entry.size + 2 ** 32 })],
    ['mode bits beyond those of files', (entry) => ({ ...entry, mode: entry.mode + 2 ** 26 })],
    ['no object', (entry) => ({ ...entry, objectID: undefined })],
    ['a hash of another length', (entry) => ({ ...entry, objectID: parseObjectID('0011') })],
  ])('notices that the stored entry has %s', async (_, change) => {
    const stored = await entries();
    const changed = stored.map((entry) => (entry.name === 'file' ? change(entry) : entry));
    expect([isSame(stored), isSame(changed)]).toEqual([true, false]);
  });

  it('takes two stored entries of one name for different', async () => {
    const stored = await entries();
    const twice = stored.map((entry) =>
      entry.name === 'link' ? { ...entry, name: 'file' } : entry,
    );
    expect(isSame(twice)).toBe(false);
  });

  it('leaves a closer look where there is a name that decides about others', async () => {
    const stored = await entries();
    expect(isSame(stored, ['fil', 'ile', 'ilea', 'x'])).toBe(true);
    expect(isSame(stored, ['x', 'file'])).toBe(false);
    writeFileSync(join(folder, 'x.kopia-entry'), '');
    expect(isSame(await entries())).toBe(false);
  });

  it('gives the entries as listing them does, and the stored bytes back', async () => {
    writeFileSync(Buffer.concat([Buffer.from(folder), Buffer.from('/b'), Buffer.of(0xff)]), 'odd');
    const stored = stream([]);
    const compared = await directory().compare!(stored, { exceptions: [] });
    const described = (children: readonly Entry[]): readonly unknown[] =>
      children
        .map((child) => ({ ...child, path: undefined }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(compared.stored).toBe(stored);
    expect(compared.children).toHaveLength(5);
    expect(described(compared.children!)).toEqual(described(await directory().readChildren()));
  });

  it('does the same on a thread, and its buffers move', async () => {
    const stored = stream(await entries());
    const { output, moved } = run({ path: folder, stored: stored.slice(), exceptions: [] });
    const direct = compareDirectory({ path: folder, stored, exceptions: [] });
    const cloned = structuredClone(output, { transfer: [...moved] });
    expect(cloned).toEqual(direct);
    expect(output.stored).toHaveLength(0);
  });

  it('lists the same with and without libc', () => {
    const libc = loadLibc();
    const [withNode, again] = [undefined, libc].map((calls) => {
      const { count, names, nameEnds, records } = createLocalLister(calls).list(folder)!;
      const ends = [...nameEnds];
      return Array.from({ length: count }, (_, index) => ({
        name: Buffer.from(names.slice(ends[index - 1] ?? 0, ends[index])).toString(),
        record: Array.from(records.subarray(index * RECORD_WORDS, (index + 1) * RECORD_WORDS)),
      })).sort((a, b) => (a.name < b.name ? -1 : 1));
    });
    expect(withNode).toHaveLength(4);
    expect(again).toEqual(withNode);
  });

  it('leaves a directory that cannot be listed to those who say why', () => {
    const stored = stream([]);
    for (const libc of [undefined, loadLibc()]) {
      expect(createLocalLister(libc).list(join(folder, 'file'))).toBeUndefined();
    }
    const gone = compareDirectory({ path: join(folder, 'gone'), stored, exceptions: [] });
    expect(gone).toEqual({ local: undefined, stored });
  });
});
