import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '@longshore/repo';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFsCalls } from './fs-calls.ts';
import { createLibcCalls } from './libc-calls.ts';
import { loadLibc } from './libc.ts';
import type { DirectoryHandle, SystemCalls } from './system-calls.ts';

const libc = loadLibc();
const implementations: SystemCalls[] = [
  ...(libc === undefined ? [] : [createLibcCalls(libc)]),
  createFsCalls(),
  createFsCalls({ pathsOnly: true }),
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-calls-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function mtime(name: string): bigint {
  return lstatSync(join(folder, name), { bigint: true }).mtimeNs;
}

function code(expected: string) {
  return expect.objectContaining({ code: expected });
}

const badName = Buffer.from([0x66, 0xff, 0x80]);

it('runs the calls of libc where Node has node:ffi', () => {
  const [major = 0] = process.versions.node.split('.').map(Number);
  const expected = process.platform === 'linux' && major >= 26;
  expect(libc !== undefined).toBe(expected);
});

describe.each(implementations.map((calls) => [calls.name, calls] as const))('%s', (_, calls) => {
  let root: DirectoryHandle;
  beforeEach(() => {
    root = calls.openRoot(folder);
  });
  afterEach(() => {
    calls.closeDirectory(root);
  });

  it.each([
    ['with nanoseconds', 1_721_234_567_848_453_641n],
    ['just before a second', 1_721_234_567_999_999_999n],
    ['at the epoch', 0n],
    ['just before the epoch', -1n],
    ['long before the epoch', -1_000_000_000_123_456_789n],
    ['in a far year', 9_000_000_000_123_456_789n],
  ])('sets times %s on files and symlinks', (_title, time) => {
    // 1 us from doubles, 1 ms before 1970, where only Date is understood.
    const tolerance = calls.exactTimes ? 0n : time < 0n ? 1_000_000n : 1_500n;
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('nowhere', join(folder, 'link'));
    const fd = openSync(join(folder, 'file'), 'r+');
    calls.setOpenTimes(fd, time);
    closeSync(fd);
    calls.setTimes(root, 'link', time);
    for (const name of ['file', 'link']) {
      const difference = mtime(name) - time;
      expect(difference < 0n ? -difference : difference).toBeLessThanOrEqual(tolerance);
    }
    expect(calls.status(root, 'link')?.mtime).toBe(mtime('link'));
  });

  it('describes every kind of entry without following symlinks', () => {
    writeFileSync(join(folder, 'file'), 'four', { mode: 0o640 });
    mkdirSync(join(folder, 'dir'));
    symlinkSync('file', join(folder, 'link'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    const stats = lstatSync(join(folder, 'file'), { bigint: true });
    expect(calls.status(root, 'file')).toEqual({
      kind: 'f',
      mode: 0o640,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      size: 4,
      mtime: stats.mtimeNs,
      links: 1,
    });
    expect(calls.status(root, 'dir')?.kind).toBe('d');
    expect(calls.status(root, 'link')).toMatchObject({ kind: 's', size: 4 });
    expect(calls.status(root, 'fifo')?.kind).toBe('other');
    expect(calls.status(root, 'missing')).toBeUndefined();
  });

  it('lists every name as bytes, as often as asked', () => {
    const names = Array.from({ length: 3000 }, (_, i) => `a name that is not short ${i}`);
    for (const name of names) writeFileSync(join(folder, name), '');
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), badName]), '');
    const expected = [...names, badName.toString('latin1')].toSorted();
    for (let i = 0; i < 2; i++) {
      const listed = calls.list(root).map((name) => Buffer.from(name).toString('latin1'));
      expect(listed.toSorted()).toEqual(expected);
    }
  });

  it('makes, opens, renames and removes entries with names that are not UTF-8', () => {
    calls.makeDirectory(root, badName, 0o700);
    const directory = calls.openDirectory(root, badName);
    closeSync(calls.openFile(directory, badName, constants.O_CREAT | constants.O_WRONLY, 0o600));
    expect(calls.status(directory, badName)?.kind).toBe('f');
    calls.rename(directory, badName, 'plain');
    calls.makeSymlink(directory, badName, badName);
    const linkPath = Buffer.concat([Buffer.from(`${folder}/`), badName, Buffer.from('/'), badName]);
    expect(readlinkSync(linkPath, { encoding: 'buffer' })).toEqual(badName);
    calls.unlink(directory, badName);
    expect(calls.list(directory).map((name) => Buffer.from(name).toString())).toEqual(['plain']);
    calls.unlink(directory, 'plain');
    calls.closeDirectory(directory);
    calls.removeDirectory(root, badName);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('opens no file and no directory through a symlink', () => {
    mkdirSync(join(folder, 'dir'));
    writeFileSync(join(folder, 'file'), 'kept');
    symlinkSync('dir', join(folder, 'dirlink'));
    symlinkSync('file', join(folder, 'filelink'));
    symlinkSync('new', join(folder, 'dangling'));
    const create = constants.O_CREAT | constants.O_RDWR;
    expect(() => calls.openDirectory(root, 'dirlink')).toThrow(code('ENOTDIR'));
    expect(() => calls.openDirectory(root, 'file')).toThrow(code('ENOTDIR'));
    expect(() => calls.openFile(root, 'filelink', create, 0o600)).toThrow(code('ELOOP'));
    expect(() => calls.openFile(root, 'dangling', create, 0o600)).toThrow(code('ELOOP'));
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('kept');
  });

  it('names the error and the path of a failed call', () => {
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'full/inner'), { recursive: true });
    const link = Buffer.from('target');
    expect(() => calls.makeDirectory(root, 'file', 0o700)).toThrow(code('EEXIST'));
    expect(() => calls.makeSymlink(root, 'file', link)).toThrow(code('EEXIST'));
    expect(() => calls.unlink(root, 'missing')).toThrow(code('ENOENT'));
    expect(() => calls.removeDirectory(root, 'full')).toThrow(code('ENOTEMPTY'));
    expect(() => calls.rename(root, 'missing', 'file')).toThrow(code('ENOENT'));
    expect(() => calls.setTimes(root, 'missing', 0n)).toThrow(code('ENOENT'));
    expect(() => calls.setOwner(root, 'missing', 0, 0)).toThrow(code('ENOENT'));
    expect(() => calls.setOpenTimes(1 << 20, 0n)).toThrow(code('EBADF'));
    expect(() => calls.openDirectory(root, 'missing')).toThrow(/missing/);
  });

  it('gives descriptors that programs started later do not inherit', () => {
    writeFileSync(join(folder, 'file'), '');
    const fd = calls.openFile(root, 'file', constants.O_RDONLY, 0);
    const open = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    closeSync(fd);
    expect(open).not.toContain(folder);
  });

  it('stays in a directory that was moved away, or refuses to go on', () => {
    mkdirSync(join(folder, 'dir'));
    mkdirSync(join(folder, 'outside'));
    const directory = calls.openDirectory(root, 'dir');
    renameSync(join(folder, 'dir'), join(folder, 'moved'));
    symlinkSync('outside', join(folder, 'dir'));
    let outcome = 'made where the directory is now';
    try {
      calls.makeDirectory(directory, 'made', 0o700);
    } catch (error) {
      outcome = errorCode(error) ?? String(error);
    }
    calls.closeDirectory(directory);
    expect(readdirSync(join(folder, 'outside'))).toEqual([]);
    const made = readdirSync(join(folder, 'moved')).length === 1;
    expect(outcome).toBe(made ? 'made where the directory is now' : 'TARGET_UNSAFE');
  });

  it('finds the data of a sparse file, or takes all of it for data', () => {
    const fd = openSync(join(folder, 'sparse'), 'w+');
    const size = 9 * 1024 * 1024;
    ftruncateSync(fd, size);
    writeSync(fd, 'x', 4 * 1024 * 1024);
    const regions = [...calls.dataRegions(fd, size)];
    closeSync(fd);
    expect(regions).toHaveLength(1);
    expect(regions[0]?.offset).toBe(calls.exactTimes ? 4 << 20 : 0);
    expect(regions[0]?.length).toBeLessThanOrEqual(calls.exactTimes ? 1 << 20 : size);
  });

  it('finds no data in a file of holes only and in an empty file', () => {
    const fd = openSync(join(folder, 'sparse'), 'w+');
    expect([...calls.dataRegions(fd, 0)]).toEqual([]);
    ftruncateSync(fd, 1 << 20);
    const total = [...calls.dataRegions(fd, 1 << 20)].reduce((sum, { length }) => sum + length, 0);
    closeSync(fd);
    expect(total).toBe(calls.exactTimes ? 0 : 1 << 20);
  });
});
