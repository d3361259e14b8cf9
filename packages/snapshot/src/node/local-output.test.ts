import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LongshoreError } from '@longshore/repo';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goModeFromPosix } from '../mode.ts';
import type { OutputFileAttributes, RestoreOutput } from '../restore/restore-output.ts';
import { createFsCalls } from './fs-calls.ts';
import { createLibcCalls } from './libc-calls.ts';
import { loadLibc } from './libc.ts';
import { openLocalOutput, type LocalOutputOptions } from './local-output.ts';
import type { SystemCalls } from './system-calls.ts';

const libc = loadLibc();
const implementations: SystemCalls[] = [
  ...(libc === undefined ? [] : [createLibcCalls(libc)]),
  createFsCalls(),
  createFsCalls({ pathsOnly: true }),
];

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const TIME = 1_721_234_567_848_453_641n;

let folder: string;
let target: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-output-'));
  target = join(folder, 'target');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

function attributes(size: number, posixMode = 0o644): OutputFileAttributes {
  return { ...own, size, mode: goModeFromPosix(posixMode), mtime: TIME };
}

function stats(path: string) {
  return lstatSync(join(target, path), { bigint: true });
}

function posixMode(path: string): number {
  return Number(stats(path).mode) & 0o7777;
}

function coded(code: string) {
  return expect.objectContaining({ code });
}

/** Waits like a restore would, though these methods are synchronous. */
async function writeFile(output: RestoreOutput, name: string, content: string): Promise<void> {
  const file = await output.root.createFile(name, attributes(content.length));
  await file?.writeAt(0, Buffer.from(content));
  await file?.finish();
}

describe.each(implementations.map((calls) => [calls.name, calls] as const))('%s', (_, calls) => {
  async function withOutput(
    work: (output: RestoreOutput) => Promise<void>,
    options: LocalOutputOptions = {},
  ): Promise<void> {
    await using output = openLocalOutput(target, { systemCalls: calls, ...options });
    await work(output);
  }

  function expectTime(path: string, time = TIME): void {
    const difference = stats(path).mtimeNs - time;
    const tolerance = calls.exactTimes ? 0n : 1_500n;
    expect(difference < 0n ? -difference : difference).toBeLessThanOrEqual(tolerance);
  }

  describe('a fresh target', () => {
    it('gets directories, files and symlinks with their attributes', async () => {
      await withOutput(async (output) => {
        expect(output.capabilities).toEqual({ exactTimes: calls.exactTimes, parallel: true });
        expect(output.root.created).toBe(true);
        const dir = await output.root.createDirectory('dir');
        expect(posixMode('dir')).toBe(0o700);
        const file = await dir.createFile('file', attributes(10, 0o4751));
        expect(posixMode('dir/file')).toBe(0o600);
        await file?.writeAt(5, Buffer.from('world'));
        await file?.writeAt(0, Buffer.from('hello'));
        await file?.finish();
        expect(await dir.createSymlink('link', Buffer.from('../dir/file'), attributes(0))).toBe(
          true,
        );
        await dir.finish(attributes(0, 0o1755));
        await output.root.finish(attributes(0, 0o2750));
      });
      expect(readFileSync(join(target, 'dir/file'), 'utf8')).toBe('helloworld');
      expect(readlinkSync(join(target, 'dir/link'))).toBe('../dir/file');
      expect(posixMode('dir/file')).toBe(0o4751);
      expect(posixMode('dir')).toBe(0o1755);
      expect(posixMode('.')).toBe(0o2750);
      for (const path of ['dir/file', 'dir/link', 'dir', '.']) expectTime(path);
    });

    it('takes an empty file, names as they are and targets that are not UTF-8', async () => {
      const raw = Buffer.from([0x2f, 0xff, 0xfe]);
      await withOutput(async (output) => {
        await writeFile(output, 'empty', '');
        await writeFile(output, 'mangled \ufffd\ufffd', 'x');
        await writeFile(output, '-rf \n"*" \u{1f600}', 'y');
        await output.root.createSymlink('link', raw, attributes(0));
      });
      expect(readdirSync(target).toSorted()).toEqual(
        ['empty', 'mangled \ufffd\ufffd', '-rf \n"*" \u{1f600}', 'link'].toSorted(),
      );
      expect(readlinkSync(join(target, 'link'), { encoding: 'buffer' })).toEqual(raw);
    });

    it('holds a tree deeper and wider than the descriptors it may use', async () => {
      const depth = 60;
      const before = readdirSync('/proc/self/fd').length;
      await withOutput(
        async (output) => {
          const path = [output.root];
          for (let i = 0; i < depth; i++) {
            const parent = path[i] ?? output.root;
            path.push(await parent.createDirectory(`d${i}`));
          }
          const wide = await Promise.all(
            Array.from({ length: 50 }, async (_unused, i) => output.root.createDirectory(`w${i}`)),
          );
          // The root and the two that may be open.
          expect(readdirSync('/proc/self/fd').length).toBe(before + 3);
          for (const dir of [...wide, ...path.toReversed()]) {
            const file = await dir.createFile('f', attributes(1));
            await file?.writeAt(0, Buffer.from('x'));
            await file?.finish();
            await dir.finish(attributes(0, 0o755));
          }
          expect(readdirSync('/proc/self/fd').length).toBe(before + 1);
        },
        { maxOpenDirectories: 2 },
      );
      const deepest = Array.from({ length: depth }, (_unused, i) => `d${i}`).join('/');
      expect(readFileSync(join(target, deepest, 'f'), 'utf8')).toBe('x');
      expectTime(deepest);
      expectTime('w49');
    });

    it('closes every descriptor when it is disposed, as often as that happens', async () => {
      const before = readdirSync('/proc/self/fd').length;
      const output = openLocalOutput(target, { systemCalls: calls });
      await output.root.createDirectory('dir');
      await writeFile(output, 'file', 'x');
      await output[Symbol.asyncDispose]();
      await output[Symbol.asyncDispose]();
      expect(() => output.root.kindOf('file')).toThrow(/closed/);
      expect(readdirSync('/proc/self/fd').length).toBe(before);
    });
  });

  describe('a file', () => {
    it('that lacks bytes is refused and removed', async () => {
      await withOutput(async (output) => {
        const file = (await output.root.createFile('file', attributes(10)))!;
        await file.writeAt(0, Buffer.from('four'));
        expect(() => file.finish()).toThrow(coded('CORRUPT_DATA'));
      });
      expect(readdirSync(target)).toEqual([]);
    });

    it('that is over takes nothing more, and abandoning it changes nothing', async () => {
      await withOutput(async (output) => {
        const file = (await output.root.createFile('file', attributes(1)))!;
        await file.writeAt(0, Buffer.from('x'));
        await file.finish();
        // Very likely under the descriptor that is free now.
        const other = (await output.root.createFile('other', attributes(1)))!;
        await file.abandon();
        expect(() => file.writeAt(0, Buffer.from('y'))).toThrow(/closed/);
        await other.writeAt(0, Buffer.from('z'));
        await other.finish();
      });
      expect(readFileSync(join(target, 'file'), 'utf8')).toBe('x');
      expect(readFileSync(join(target, 'other'), 'utf8')).toBe('z');
    });

    it('gets no byte beyond its size', async () => {
      await withOutput(async (output) => {
        const file = (await output.root.createFile('file', attributes(4)))!;
        expect(() => file.writeAt(2, Buffer.from('four'))).toThrow(coded('CORRUPT_DATA'));
        expect(() => file.writeAt(-1, Buffer.from('x'))).toThrow(coded('CORRUPT_DATA'));
        await file.abandon();
      });
      expect(readdirSync(target)).toEqual([]);
    });

    it('appears only when it is complete if written atomically', async () => {
      mkdirSync(target);
      writeFileSync(join(target, 'file'), 'old');
      await withOutput(
        async (output) => {
          const file = (await output.root.createFile('file', attributes(3, 0o640)))!;
          await file.writeAt(0, Buffer.from('new'));
          expect(readFileSync(join(target, 'file'), 'utf8')).toBe('old');
          await file.finish();
          const abandoned = (await output.root.createFile('file', attributes(3)))!;
          await abandoned.writeAt(0, Buffer.from('bad'));
          await abandoned.abandon();
        },
        { writeFilesAtomically: true, flushFiles: true },
      );
      expect(readdirSync(target)).toEqual(['file']);
      expect(readFileSync(join(target, 'file'), 'utf8')).toBe('new');
      expect(posixMode('file')).toBe(0o640);
      expectTime('file');
    });

    it.each([
      { sparse: true, least: 0, most: 64 * 1024 },
      { sparse: false, least: 3 << 20, most: 4 << 20 },
    ])('takes the room of its zeros unless sparse: $sparse', async ({ sparse, least, most }) => {
      const size = 3 << 20;
      const data = Buffer.alloc(size);
      data.write('data', 1 << 20);
      await withOutput(
        async (output) => {
          const file = (await output.root.createFile('file', attributes(size)))!;
          for (let at = 0; at < size; at += 1 << 20) {
            await file.writeAt(at, data.subarray(at, at + (1 << 20)));
          }
          await file.finish();
        },
        { writeSparseFiles: sparse },
      );
      expect(readFileSync(join(target, 'file')).equals(data)).toBe(true);
      const allocated = Number(stats('file').blocks) * 512;
      expect(allocated).toBeGreaterThanOrEqual(least);
      expect(allocated).toBeLessThanOrEqual(most);
    });

    it('written sparsely over an older one has zeros where the snapshot has', async () => {
      mkdirSync(target);
      writeFileSync(join(target, 'file'), Buffer.alloc(100_000, 'old'));
      await withOutput(
        async (output) => {
          const file = (await output.root.createFile('file', attributes(50_000)))!;
          await file.writeAt(0, Buffer.alloc(50_000));
          await file.finish();
        },
        { writeSparseFiles: true },
      );
      expect(readFileSync(join(target, 'file')).equals(Buffer.alloc(50_000))).toBe(true);
    });

    it('of an impossible size or owner is refused before anything is made', async () => {
      await withOutput((output) => {
        for (const damage of [
          { size: -1 },
          { size: 1.5 },
          { size: 2 ** 60 },
          { uid: 2 ** 32 },
          { gid: -1 },
          { mtime: 2n ** 100n },
        ]) {
          expect(() => output.root.createFile('file', { ...attributes(1), ...damage })).toThrow(
            coded('CORRUPT_DATA'),
          );
        }
        return Promise.resolve();
      });
      expect(readdirSync(target)).toEqual([]);
    });

    it('larger than the file system takes is refused', async () => {
      await withOutput(async (output) => {
        const file = (await output.root.createFile('file', attributes(2 ** 52)))!;
        expect(() => file.writeAt(0, Buffer.from('x'))).toThrow(coded('TARGET_UNWRITABLE'));
        await file.abandon();
      });
      expect(readdirSync(target)).toEqual([]);
    });
  });

  describe('attributes', () => {
    it.runIf(isRoot)('keep setuid although changing the owner clears it', async () => {
      await withOutput(async (output) => {
        const wanted = { ...attributes(0, 0o6755), uid: 1234, gid: 4321 };
        const file = (await output.root.createFile('file', wanted))!;
        await file.finish();
        const again = (await output.root.createFile('file', { ...wanted, uid: 1235 }))!;
        await again.finish();
        await output.root.createSymlink('link', Buffer.from('file'), wanted);
        await output.root.finish(wanted);
      });
      expect(stats('file')).toMatchObject({ uid: 1235n, gid: 4321n });
      expect(posixMode('file')).toBe(0o6755);
      expect(stats('link')).toMatchObject({ uid: 1234n, gid: 4321n });
      expect(stats('.')).toMatchObject({ uid: 1234n, gid: 4321n });
      expect(posixMode('.')).toBe(0o6755);
    });

    it('are left out as asked', async () => {
      const now = BigInt(Date.now()) * 1_000_000n;
      await withOutput(
        async (output) => {
          const file = (await output.root.createFile('file', { ...attributes(0), uid: 77 }))!;
          await file.finish();
          const dir = await output.root.createDirectory('dir');
          await dir.finish({ ...attributes(0, 0o755), uid: 77 });
          await output.root.createSymlink('link', Buffer.from('x'), { ...attributes(0), uid: 77 });
        },
        { skipOwners: true, skipPermissions: true, skipTimes: true },
      );
      for (const name of ['file', 'dir', 'link']) {
        expect(stats(name).uid).toBe(BigInt(own.uid));
        expect(stats(name).mtimeNs > now - 1_000_000_000n).toBe(true);
      }
      expect(posixMode('file')).toBe(0o600);
      expect(posixMode('dir')).toBe(0o700);
    });

    it('never make a program run with the rights of whoever restores it', async () => {
      const ignored: LongshoreError[] = [];
      const stranger = { uid: own.uid + 1, gid: own.gid + 1 };
      await withOutput(
        async (output) => {
          const file = (await output.root.createFile('program', {
            ...attributes(0, 0o6755),
            ...stranger,
          }))!;
          await file.finish();
          const dir = await output.root.createDirectory('dir');
          await dir.finish({ ...attributes(0, 0o2755), ...stranger });
        },
        { skipOwners: true, onIgnoredError: (error) => ignored.push(error) },
      );
      expect(posixMode('program')).toBe(0o755);
      expect(posixMode('dir')).toBe(0o2755);
      expect(ignored.map((error) => [error.code, error.facts.path])).toEqual([
        ['ACCESS_DENIED', join(target, 'program')],
      ]);
    });

    it.runIf(isRoot)('that may not be set are reported, or fail if asked to', async () => {
      mkdirSync(target);
      chownSync(target, NOBODY, NOBODY);
      chmodSync(folder, 0o755);
      const stranger = { ...attributes(0, 0o4755), uid: 1, gid: 1 };
      const ignored: LongshoreError[] = [];
      process.setegid?.(NOBODY);
      process.seteuid?.(NOBODY);
      try {
        await withOutput(
          async (output) => {
            const file = (await output.root.createFile('file', stranger))!;
            await file.finish();
            await output.root.createSymlink('link', Buffer.from('x'), stranger);
          },
          { onIgnoredError: (error) => ignored.push(error) },
        );
        await withOutput(
          async (output) => {
            const file = (await output.root.createFile('other', stranger))!;
            expect(() => file.finish()).toThrow(coded('ACCESS_DENIED'));
            await file.abandon();
          },
          { ignorePermissionErrors: false },
        );
        await withOutput(
          async (output) => {
            const file = (await output.root.createFile('atomic', stranger))!;
            expect(() => file.finish()).toThrow(coded('ACCESS_DENIED'));
            await file.abandon();
          },
          { ignorePermissionErrors: false, writeFilesAtomically: true },
        );
      } finally {
        process.seteuid?.(0);
        process.setegid?.(0);
      }
      expect(ignored.map((error) => error.facts.path)).toEqual([
        join(target, 'file'),
        join(target, 'file'),
        join(target, 'link'),
      ]);
      expect(readdirSync(target).toSorted()).toEqual(['file', 'link', 'other']);
      expect(posixMode('file')).toBe(0o755);
      expectTime('file');
      expectTime('link');
    });
  });

  describe('what is there already', () => {
    beforeEach(() => {
      mkdirSync(target);
      writeFileSync(join(target, 'file'), 'a longer old content');
      symlinkSync('old', join(target, 'link'));
      mkdirSync(join(target, 'dir'));
      writeFileSync(join(target, 'dir/kept'), 'kept');
      execFileSync('mkfifo', [join(target, 'fifo')]);
    });

    it('is replaced or kept beside the new by default', async () => {
      await withOutput(async (output) => {
        expect(output.root.created).toBe(false);
        await writeFile(output, 'file', 'new');
        await output.root.createSymlink('link', Buffer.from('new'), attributes(0));
        const dir = await output.root.createDirectory('dir');
        expect(dir.created).toBe(false);
        await dir.finish(attributes(0, 0o711));
      });
      expect(readFileSync(join(target, 'file'), 'utf8')).toBe('new');
      expect(readlinkSync(join(target, 'link'))).toBe('new');
      expect(readFileSync(join(target, 'dir/kept'), 'utf8')).toBe('kept');
      expect(posixMode('dir')).toBe(0o711);
    });

    it('is an error where overwriting is switched off', async () => {
      const strict = { overwriteFiles: false, overwriteSymlinks: false };
      await withOutput((output) => {
        const { root } = output;
        expect(() => root.createFile('file', attributes(1))).toThrow(coded('ALREADY_EXISTS'));
        expect(() => root.createSymlink('link', Buffer.from('x'), attributes(0))).toThrow(
          coded('ALREADY_EXISTS'),
        );
        return Promise.resolve();
      }, strict);
      await withOutput(
        (output) => {
          expect(() => output.root.createFile('file', attributes(1))).toThrow(
            coded('ALREADY_EXISTS'),
          );
          return Promise.resolve();
        },
        { ...strict, writeFilesAtomically: true },
      );
      expect(readFileSync(join(target, 'file'), 'utf8')).toBe('a longer old content');
      expect(readlinkSync(join(target, 'link'))).toBe('old');
    });

    it('is an error if it is a directory with content and those are not overwritten', async () => {
      const options = { systemCalls: calls, overwriteDirectories: false };
      expect(() => openLocalOutput(target, options)).toThrow(coded('ALREADY_EXISTS'));
      await using output = openLocalOutput(join(target, 'fresh'), options);
      await output.root.createDirectory('twice');
      await output.root.createDirectory('twice');
      writeFileSync(join(target, 'fresh/twice/file'), '');
      expect(() => output.root.createDirectory('twice')).toThrow(coded('ALREADY_EXISTS'));
    });

    it('is never replaced by something of a kind that does not fit', async () => {
      await withOutput((output) => {
        const { root } = output;
        const link = Buffer.from('x');
        for (const name of ['file', 'dir', 'fifo']) {
          expect(() => root.createSymlink(name, link, attributes(0))).toThrow(
            coded('ALREADY_EXISTS'),
          );
        }
        for (const name of ['dir', 'fifo']) {
          expect(() => root.createFile(name, attributes(1))).toThrow(coded('ALREADY_EXISTS'));
        }
        for (const name of ['file', 'fifo']) {
          expect(() => root.createDirectory(name)).toThrow(coded('ALREADY_EXISTS'));
        }
        return Promise.resolve();
      });
      expect(() => openLocalOutput(join(target, 'file'), { systemCalls: calls })).toThrow(
        coded('ALREADY_EXISTS'),
      );
    });

    it.each([
      ['the same size and time', 20, 0, true],
      ['a time less than two seconds off', 20, 1.9, true],
      ['a time two seconds off', 20, 2.1, false],
      ['another size', 19, 0, false],
    ])('is skipped as existing with %s', async (_title, size, offSeconds, skipped) => {
      const seconds = Number(TIME) / 1e9 + offSeconds;
      utimesSync(join(target, 'file'), seconds, seconds);
      await withOutput(
        async (output) => {
          expect(await output.root.hasFile('file', attributes(size))).toBe(skipped);
          const file = await output.root.createFile('file', attributes(size));
          expect(file === undefined).toBe(skipped);
          await file?.abandon();
          const link = Buffer.from('new');
          expect(await output.root.createSymlink('link', link, attributes(0))).toBe(false);
          expect(await output.root.createSymlink('other', link, attributes(0))).toBe(true);
        },
        { skipExisting: true },
      );
      expect(readlinkSync(join(target, 'link'))).toBe('old');
    });

    it('is examined and removed by name', async () => {
      await withOutput(async ({ root }) => {
        expect(await root.kindOf('file')).toBe('f');
        expect(await root.kindOf('dir')).toBe('d');
        expect(await root.kindOf('link')).toBe('s');
        expect(await root.kindOf('fifo')).toBe('other');
        expect(await root.kindOf('missing')).toBeUndefined();
        expect(await root.remove('missing')).toBe(false);
        for (const name of ['file', 'dir', 'link', 'fifo'])
          expect(await root.remove(name)).toBe(true);
      });
      expect(readdirSync(target)).toEqual([]);
    });

    it('is removed if the snapshot lacks it or has another kind there', async () => {
      const deep = Array.from({ length: 100 }, (_unused, i) => `d${i}`).join('/');
      mkdirSync(join(target, 'extra', deep), { recursive: true });
      writeFileSync(join(target, 'extra', deep, 'f'), '');
      mkdirSync(join(folder, 'outside'));
      writeFileSync(join(folder, 'outside/kept'), '');
      symlinkSync(join(folder, 'outside'), join(target, 'extra/escape'));
      writeFileSync(join(target, 'becomes-dir'), '');
      mkdirSync(join(target, 'becomes-file/inner'), { recursive: true });
      mkdirSync(Buffer.concat([Buffer.from(`${target}/`), Buffer.from([0xff])]));
      await withOutput(
        async ({ root }) => {
          const removed = await root.deleteExtra(
            new Map([
              ['file', 'f'],
              ['link', 'f'],
              ['dir', 'd'],
              ['becomes-dir', 'd'],
              ['becomes-file', 's'],
            ]),
          );
          expect(removed).toBe(5);
        },
        { maxOpenDirectories: 3 },
      );
      expect(readdirSync(target).toSorted()).toEqual(['dir', 'file', 'link']);
      expect(readdirSync(join(folder, 'outside'))).toEqual(['kept']);
      expect(existsSync(join(target, 'dir/kept'))).toBe(true);
    });
  });

  describe('a restore never leaves the target', () => {
    let outside: string;
    beforeEach(() => {
      outside = join(folder, 'outside');
      mkdirSync(outside);
      writeFileSync(join(outside, 'victim'), 'untouched', { mode: 0o600 });
      utimesSync(join(outside, 'victim'), 1, 1);
    });
    afterEach(() => {
      assert.deepEqual(readdirSync(outside), ['victim']);
      assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'untouched');
      const { mode, mtimeNs } = lstatSync(join(outside, 'victim'), { bigint: true });
      assert.equal(Number(mode) & 0o7777, 0o600);
      assert.equal(mtimeNs, 1_000_000_000n);
      assert.deepEqual(readdirSync(folder).toSorted(), ['outside', 'target']);
    });

    it.each(['', '.', '..', '../outside/victim', '/etc', 'a/b', 'nul\0'])(
      'by the name %j',
      async (name) => {
        await withOutput((output) => {
          const { root } = output;
          const link = Buffer.from('x');
          const unsafe = coded('TARGET_UNSAFE');
          expect(() => root.createDirectory(name)).toThrow(unsafe);
          expect(() => root.createFile(name, attributes(1))).toThrow(unsafe);
          expect(() => root.createSymlink(name, link, attributes(0))).toThrow(unsafe);
          expect(() => root.remove(name)).toThrow(unsafe);
          expect(() => root.kindOf(name)).toThrow(unsafe);
          return Promise.resolve();
        });
        expect(readdirSync(target)).toEqual([]);
      },
    );

    it('by a symlink that an earlier entry of the snapshot planted', async () => {
      await withOutput(async ({ root }) => {
        await root.createSymlink('dir', Buffer.from(outside), attributes(0));
        expect(() => root.createDirectory('dir')).toThrow(coded('TARGET_UNSAFE'));
        await root.createSymlink('file', Buffer.from('../outside/victim'), attributes(0));
        const file = (await root.createFile('file', attributes(3)))!;
        await file.writeAt(0, Buffer.from('new'));
        await file.finish();
      });
      expect(lstatSync(join(target, 'file')).isFile()).toBe(true);
      expect(lstatSync(join(target, 'dir')).isSymbolicLink()).toBe(true);
    });

    it.each([true, false])('by a symlink that lies there (atomically: %s)', async (atomic) => {
      mkdirSync(target);
      symlinkSync(outside, join(target, 'dir'));
      symlinkSync('../outside/victim', join(target, 'file'));
      symlinkSync('../outside/created', join(target, 'dangling'));
      await withOutput(
        async (output) => {
          expect(() => output.root.createDirectory('dir')).toThrow(coded('TARGET_UNSAFE'));
          await writeFile(output, 'file', 'new');
          await writeFile(output, 'dangling', 'new');
          await output.root.createSymlink('dir', Buffer.from('elsewhere'), attributes(0));
        },
        { writeFilesAtomically: atomic },
      );
      expect(lstatSync(join(target, 'file')).isFile()).toBe(true);
      expect(lstatSync(join(target, 'dangling')).isFile()).toBe(true);
    });

    it('by a hard link that lies there', async () => {
      mkdirSync(target);
      linkSync(join(outside, 'victim'), join(target, 'file'));
      await withOutput((output) => writeFile(output, 'file', 'new'));
      expect(readFileSync(join(target, 'file'), 'utf8')).toBe('new');
    });

    it('by a symlink that takes the place of a directory in use', async () => {
      await withOutput(
        async ({ root }) => {
          const dir = await root.createDirectory('dir');
          const inner = await dir.createDirectory('inner');
          // Out of the descriptors in use, so that `dir` has to be opened again.
          await root.createDirectory('other');
          rmSync(join(target, 'dir'), { recursive: true });
          symlinkSync(outside, join(target, 'dir'));
          const unsafe = coded('TARGET_UNSAFE');
          expect(() => dir.createFile('made', attributes(0))).toThrow(unsafe);
          expect(() => dir.createDirectory('made')).toThrow(unsafe);
          expect(() => inner.createFile('made', attributes(0))).toThrow(unsafe);
          expect(() => dir.remove('victim')).toThrow(unsafe);
          expect(() => dir.deleteExtra(new Map())).not.toThrow();
          expect(() => dir.finish(attributes(0, 0o777))).toThrow(unsafe);
        },
        { maxOpenDirectories: 1 },
      );
    });

    it('by removing what a symlink leads to', async () => {
      mkdirSync(join(target, 'dir'), { recursive: true });
      symlinkSync(outside, join(target, 'dir/escape'));
      symlinkSync(outside, join(target, 'escape'));
      await withOutput(async ({ root }) => {
        expect(await root.deleteExtra(new Map())).toBe(2);
      });
      expect(readdirSync(target)).toEqual([]);
    });

    it('into what is mounted in it', async (context) => {
      const mountPoint = join(target, 'dir/mounted');
      mkdirSync(mountPoint, { recursive: true });
      try {
        execFileSync('mount', ['-t', 'tmpfs', 'none', mountPoint], { stdio: 'ignore' });
      } catch {
        context.skip('needs the right to mount');
      }
      try {
        writeFileSync(join(mountPoint, 'kept'), '');
        await withOutput(({ root }) => {
          expect(() => root.deleteExtra(new Map())).toThrow(coded('TARGET_UNSAFE'));
          expect(() => root.remove('dir')).toThrow(coded('TARGET_UNSAFE'));
          return Promise.resolve();
        });
        expect(readdirSync(mountPoint)).toEqual(['kept']);
      } finally {
        execFileSync('umount', [mountPoint]);
      }
    });

    it('cannot be a file', () => {
      writeFileSync(target, '');
      expect(() => openLocalOutput(target, { systemCalls: calls })).toThrow(
        `cannot restore into ${target}: there is a file, not a folder`,
      );
    });

    it.runIf(process.platform === 'linux')('cannot be where nothing can be made', () => {
      mkdirSync(target);
      const path = '/proc/longshore/target';
      expect(() => openLocalOutput(path, { systemCalls: calls })).toThrow(coded('PATH_NOT_FOUND'));
    });

    it('but may itself be named through a symlink', async () => {
      mkdirSync(join(target, 'real'), { recursive: true });
      symlinkSync('real', join(target, 'link'));
      await using output = openLocalOutput(join(target, 'link'), { systemCalls: calls });
      await writeFile(output, 'file', 'x');
      expect(readdirSync(join(target, 'real'))).toEqual(['file']);
    });
  });
});

if (!isRoot) process.stderr.write('not root: owners, setuid and missing rights stay untested\n');
