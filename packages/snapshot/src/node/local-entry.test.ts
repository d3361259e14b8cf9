import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  MAX_READ_BYTES,
  type DirectoryEntry,
  type Entry,
  type FileEntry,
  type SymlinkEntry,
} from '../entry.ts';
import { createFsCalls } from './fs-calls.ts';
import { createSystemCalls } from './create-system-calls.ts';
import { openLocalEntry } from './local-entry.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-entry-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function openDirectory(path: string): DirectoryEntry {
  const entry = openLocalEntry(path);
  if (entry.type !== 'd') throw new Error(`${path} is of type ${entry.type}`);
  return entry;
}

async function childrenByName(directory: DirectoryEntry): Promise<ReadonlyMap<string, Entry>> {
  return new Map((await directory.readChildren()).map((entry) => [entry.name, entry]));
}

async function child(name: string): Promise<Entry> {
  const entry = (await childrenByName(openDirectory(folder))).get(name);
  if (entry === undefined) throw new Error(`${name} is missing`);
  return entry;
}

async function file(name: string): Promise<FileEntry> {
  return (await child(name)) as FileEntry;
}

/** Root may read everything, so as root the rest of `work` runs with the rights of nobody. */
async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (!isRoot) return work();
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

describe('openLocalEntry', () => {
  it('resolves a path that is a symlink, and takes the name of what it leads to', () => {
    mkdirSync(join(folder, 'real'));
    symlinkSync('real', join(folder, 'hop'));
    symlinkSync('hop', join(folder, 'link'));
    expect(openLocalEntry(join(folder, 'link'))).toMatchObject({ type: 'd', name: 'real' });
  });

  it('takes a file as root', () => {
    writeFileSync(join(folder, 'one'), 'x');
    expect(openLocalEntry(join(folder, 'one'))).toMatchObject({ type: 'f', name: 'one', size: 1 });
  });

  it('names the root of the file system by its path and reads what is in it', async () => {
    const root = openDirectory('/');
    expect(root.name).toBe('/');
    const names = (await root.readChildren()).map((entry) => entry.name);
    expect(names.toSorted()).toEqual(readdirSync('/').toSorted());
  });

  it('names the path that is not there', () => {
    const path = join(folder, 'missing');
    expect(() => openLocalEntry(path)).toThrow(
      expect.objectContaining({ code: 'SOURCE_UNREADABLE', facts: { path } }),
    );
  });
});

describe('a local directory', () => {
  it('has every kind of entry under its type', async () => {
    writeFileSync(join(folder, 'file'), 'four');
    mkdirSync(join(folder, 'dir'));
    symlinkSync('/no/where', join(folder, 'link'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    const server = createServer().listen(join(folder, 'socket'));
    try {
      const entries = await childrenByName(openDirectory(folder));
      const shown = [...entries.values()].map((entry): [string, [string, number]] => [
        entry.name,
        [entry.type === 'unknown' ? entry.kind : entry.type, entry.size],
      ]);
      expect(new Map(shown)).toEqual(
        new Map([
          ['dir', ['d', 0]],
          ['fifo', ['fifo', 0]],
          ['file', ['f', 4]],
          ['link', ['s', 9]],
          ['socket', ['socket', 0]],
        ]),
      );
      const link = entries.get('link') as SymlinkEntry;
      expect(Buffer.from(link.readTarget()).toString()).toBe('/no/where');
    } finally {
      server.close();
    }
  });

  it.each([1_721_234_567_848_453_641n, -1n, 0n, 9_000_000_000_000_000_001n])(
    'shows a time of %s ns to the nanosecond',
    async (time) => {
      const calls = createSystemCalls();
      writeFileSync(join(folder, 'file'), '');
      const root = calls.openRoot(folder);
      calls.setTimes(root, 'file', time);
      calls.closeDirectory(root);
      const { mtimeNs } = lstatSync(join(folder, 'file'), { bigint: true });
      expect((await child('file')).mtime).toBe(mtimeNs);
      expect(mtimeNs === time || !calls.exactTimes).toBe(true);
    },
  );

  it('shows modes with the bits that Go uses', async () => {
    writeFileSync(join(folder, 'file'), '');
    chmodSync(join(folder, 'file'), 0o4755);
    mkdirSync(join(folder, 'dir'));
    chmodSync(join(folder, 'dir'), 0o1777);
    expect((await child('file')).mode).toBe(0o40000755);
    expect((await child('dir')).mode).toBe(0o4000777);
  });

  it.runIf(isRoot)('shows the owner, of the symlink and not of its target', async () => {
    writeFileSync(join(folder, 'file'), '');
    chownSync(join(folder, 'file'), 4_294_967_294, 12);
    symlinkSync('file', join(folder, 'link'));
    lchownSync(join(folder, 'link'), 34, 56);
    expect(await child('file')).toMatchObject({ uid: 4_294_967_294, gid: 12 });
    expect(await child('link')).toMatchObject({ uid: 34, gid: 56 });
  });

  it('shows names that are not UTF-8 with their bytes, one U+FFFD for each bad byte', async () => {
    const raw = Buffer.from([0x61, 0xe2, 0x82, 0x62, 0xff]);
    const directory = Buffer.concat([Buffer.from(`${folder}/`), raw]);
    mkdirSync(directory);
    writeFileSync(Buffer.concat([directory, Buffer.from('/inner')]), 'content');
    writeFileSync(join(folder, 'honest \ufffd'), '');
    const entries = await childrenByName(openDirectory(folder));
    expect(entries.get('honest \ufffd')?.rawName).toBeUndefined();
    const entry = entries.get('a\ufffd\ufffdb\ufffd') as DirectoryEntry;
    expect(Buffer.from(entry.rawName!)).toEqual(raw);
    const [inner] = await entry.readChildren();
    expect(inner).toMatchObject({ type: 'f', name: 'inner', rawName: undefined });
    const target = new Uint8Array(8);
    expect((inner as FileEntry).readWhole(target)).toBe(7);
    expect(Buffer.from(target.subarray(0, 7)).toString()).toBe('content');
  });

  it('keeps names apart that differ in their normal form only', async () => {
    writeFileSync(join(folder, '\u00e9'), '');
    writeFileSync(join(folder, 'e\u0301'), '');
    expect((await openDirectory(folder).readChildren()).length).toBe(2);
  });

  it('names the device and inode of each entry', async () => {
    mkdirSync(join(folder, 'dir'));
    const { dev, ino } = lstatSync(join(folder, 'dir'), { bigint: true });
    expect(await child('dir')).toMatchObject({ device: dev, inode: ino });
  });

  it('leaves out what vanishes while it is listed', async () => {
    // More than one batch: the second is examined after another task had its turn.
    for (let i = 0; i < 5000; i++) writeFileSync(join(folder, `file${i}`), '');
    const listing = openDirectory(folder).readChildren();
    const last = readdirSync(folder).at(-1) ?? '';
    unlinkSync(join(folder, last));
    const names = new Set((await listing).map((entry) => entry.name));
    expect(names.size).toBe(4999);
    expect(names.has(last)).toBe(false);
  });

  it('stops when it is aborted', async () => {
    const reason = new Error('enough');
    const listing = openDirectory(folder).readChildren({ signal: AbortSignal.abort(reason) });
    await expect(listing).rejects.toBe(reason);
  });

  it('fails if it cannot be listed', async () => {
    const directory = openDirectory(folder);
    rmSync(folder, { recursive: true });
    await expect(directory.readChildren()).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      facts: { path: folder },
    });
  });

  it('shows what may be listed and not examined as errors, directories and files apart', async () => {
    mkdirSync(join(folder, 'closed'));
    mkdirSync(join(folder, 'closed/dir'));
    writeFileSync(join(folder, 'closed/file'), '');
    if (isRoot) chownSync(join(folder, 'closed'), NOBODY, NOBODY);
    if (isRoot) chmodSync(folder, 0o755);
    chmodSync(join(folder, 'closed'), 0o444);
    const entries = await unprivileged(() => childrenByName(openDirectory(join(folder, 'closed'))));
    chmodSync(join(folder, 'closed'), 0o700);
    expect(entries.get('dir')).toMatchObject({ type: 'e', expectedType: 'd', mode: 0, size: 0 });
    expect(entries.get('file')).toMatchObject({
      type: 'e',
      expectedType: 'f',
      error: { code: 'SOURCE_UNREADABLE' },
    });
  });

  it('lists 10 000 entries in a time worth reporting', async () => {
    for (let i = 0; i < 10_000; i++) writeFileSync(join(folder, `file${i}`), '');
    const directory = openDirectory(folder);
    const started = performance.now();
    const entries = await directory.readChildren();
    const elapsedMs = performance.now() - started;
    expect(entries.length).toBe(10_000);
    process.stdout.write(`readChildren: ${((elapsedMs * 1000) / 10_000).toFixed(2)} us an entry\n`);
  });
});

describe.each([createSystemCalls(), createFsCalls()])('a local file through $name', (calls) => {
  function open(name: string): FileEntry {
    return openLocalEntry(join(folder, name), { systemCalls: calls }) as FileEntry;
  }

  it('reads on from where it was, or at any position, a bounded piece at a time', () => {
    const content = Buffer.alloc(MAX_READ_BYTES + 10, 'abcdefghij');
    writeFileSync(join(folder, 'file'), content);
    const reader = open('file').open();
    const target = new Uint8Array(2 * MAX_READ_BYTES);
    expect(reader.readInto(target)).toBe(MAX_READ_BYTES);
    expect([...reader.dataRegions(content.length)]).toEqual([
      { offset: 0, length: content.length },
    ]);
    expect(reader.readInto(target.subarray(MAX_READ_BYTES))).toBe(10);
    expect(Buffer.from(target.subarray(0, content.length))).toEqual(content);
    expect(reader.readInto(target)).toBe(0);
    expect(reader.readInto(target.subarray(0, 3), 4)).toBe(3);
    expect(Buffer.from(target.subarray(0, 3)).toString()).toBe('efg');
    expect(reader.readInto(target.subarray(0, 2))).toBe(2);
    expect(Buffer.from(target.subarray(0, 2)).toString()).toBe('hi');
    reader.close();
    reader.close();
    expect(() => reader.readInto(target)).toThrow(/closed/);
  });

  it('reads into shared memory', () => {
    writeFileSync(join(folder, 'file'), 'shared');
    const target = new Uint8Array(new SharedArrayBuffer(8));
    expect(open('file').readWhole(target)).toBe(6);
    expect(String.fromCharCode(...target.subarray(0, 6))).toBe('shared');
  });

  it('reads zeros outside the data regions and data inside them', () => {
    const size = 5 * 1024 * 1024;
    const fd = openSync(join(folder, 'sparse'), 'w');
    ftruncateSync(fd, size);
    writeSync(fd, 'data', 3 * 1024 * 1024);
    closeSync(fd);
    const reader = open('sparse').open();
    const fromRegions = new Uint8Array(size);
    for (const { offset, length } of reader.dataRegions(size)) {
      for (let done = 0; done < length;) {
        done += reader.readInto(
          fromRegions.subarray(offset + done, offset + length),
          offset + done,
        );
      }
    }
    const plain = new Uint8Array(size);
    for (let done = 0; done < size;) done += reader.readInto(plain.subarray(done), done);
    reader.close();
    expect(Buffer.compare(fromRegions, plain)).toBe(0);
    expect(plain[3 * 1024 * 1024]).toBe(0x64);
  });

  it('gives up on a whole file that does not end within the target', () => {
    writeFileSync(join(folder, 'file'), 'four');
    const entry = open('file');
    expect(entry.readWhole(new Uint8Array(4))).toBe(4);
    appendFileSync(join(folder, 'file'), '!');
    expect(entry.readWhole(new Uint8Array(4))).toBeUndefined();
    expect(entry.readWhole(new Uint8Array(5))).toBe(5);
  });

  it.each([
    ['a symlink', (path: string) => symlinkSync('/etc/passwd', path)],
    ['a FIFO', (path: string) => execFileSync('mkfifo', [path])],
    ['a directory', (path: string) => mkdirSync(path)],
    ['nothing', () => undefined],
  ])('is refused once %s has taken its place', (_title, replace) => {
    const path = join(folder, 'file');
    writeFileSync(path, 'four');
    const entry = open('file');
    unlinkSync(path);
    replace(path);
    const failure = expect.objectContaining({ code: 'SOURCE_UNREADABLE', facts: { path } });
    expect(() => entry.open()).toThrow(failure);
    expect(() => entry.readWhole(new Uint8Array(8))).toThrow(failure);
  });

  it('is refused if it may not be read', async () => {
    writeFileSync(join(folder, 'secret'), 'x', { mode: 0 });
    chmodSync(folder, 0o755);
    const failure = expect.objectContaining({ code: 'SOURCE_UNREADABLE' });
    await unprivileged(async () => {
      const entry = await file('secret');
      expect(() => entry.open()).toThrow(failure);
      expect(() => entry.readWhole(new Uint8Array(8))).toThrow(failure);
    });
  });
});

it('keeps the name of the folder out of the names of its entries', async () => {
  writeFileSync(join(folder, 'file'), '');
  const names = (await openDirectory(folder).readChildren()).map((entry) => entry.name);
  expect(names).toEqual(['file']);
  expect(openDirectory(folder).name).toBe(basename(folder));
});
