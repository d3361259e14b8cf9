import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objectReference, type MemoryStorage, type OpenWritableRepository } from '@longshore/repo';
import { nativeAlgorithms, nativeEngine } from '@longshore/repo/node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DirEntry } from '../dir-manifest.ts';
import { openLocalOutput, type LocalOutputOptions } from '../node/local-output.ts';
import {
  commitTree,
  createTestRepository,
  dir,
  file,
  link,
  type TreeNode,
} from '../tree-fixture.ts';
import type { RestoreSummary } from './restore-events.ts';
import type { RestoreOptions } from './restore-run.ts';
import { restoreSnapshot } from './restore.ts';

const algorithms = nativeAlgorithms();
const { uid, gid } =
  lstatSync(tmpdir()).uid === 0 && process.getuid?.() === 0
    ? { uid: 1234, gid: 567 }
    : { uid: process.getuid!(), gid: process.getgid!() };
let repository: OpenWritableRepository;
let storage: MemoryStorage;
let folder: string;
let target: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-restore-'));
  target = join(folder, 'target');
});
afterEach(() => rmSync(folder, { recursive: true }));

async function restore(
  root: TreeNode | DirEntry,
  options: RestoreOptions = {},
  outputOptions: LocalOutputOptions = {},
): Promise<RestoreSummary> {
  const entry = 'name' in root ? root : await commitTree(repository, root);
  await using output = openLocalOutput(target, outputOptions);
  // Awaited here: the output closes when this returns.
  return await restoreSnapshot(repository, entry, output, options);
}

const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Below the folder of the test. */
function openDescriptors(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;
}

describe.each([
  ['in one thread', undefined],
  ['by workers', nativeEngine({ workers: 2 })],
] as const)('%s', (_, engine) => {
  beforeAll(async () => {
    ({ repository, storage } = await createTestRepository(algorithms, {
      splitter: 'FIXED-1M',
      ...(engine === undefined ? {} : { engine }),
    }));
  });
  afterAll(() => repository[Symbol.asyncDispose]());

  describe('a local restore', () => {
    it('has the bytes, modes, owners, nanoseconds and links of the snapshot', async () => {
      const mtime = 1_234_567_890_123_456_789n;
      const large = randomBytes(5_500_000);
      const zeros = new Uint8Array(4 * 1024 * 1024);
      await restore(
        dir(
          {
            sub: dir(
              { 'ünï ～😀': file('x', { mode: 0o40004755, mtime, uid, gid }) },
              { mode: 0o1777, mtime },
            ),
            empty: file('', { mode: 0, mtime: -1n, uid, gid }),
            large: file(large, { mtime, uid, gid }),
            sparse: file(zeros, { mtime, uid, gid }),
            link: link('no/such/place', { mtime, uid, gid }),
          },
          { mtime, uid, gid },
        ),
        {},
        { writeSparseFiles: true },
      );
      expect(openDescriptors()).toBe(0);
      expect(hash(readFileSync(join(target, 'large')))).toBe(hash(large));
      expect(hash(readFileSync(join(target, 'sparse')))).toBe(hash(zeros));
      expect(statSync(join(target, 'sparse')).blocks).toBeLessThan(100);
      expect(readlinkSync(join(target, 'link'))).toBe('no/such/place');
      for (const name of ['', 'sub', 'sub/ünï ～😀', 'large', 'sparse', 'link']) {
        const { mtimeNs } = lstatSync(join(target, name), { bigint: true });
        expect({ name, mtimeNs }).toEqual({ name, mtimeNs: mtime });
      }
      expect(lstatSync(join(target, 'empty'), { bigint: true }).mtimeNs).toBe(-1n);
      expect(lstatSync(join(target, 'empty')).mode & 0o7777).toBe(0);
      expect(lstatSync(join(target, 'large'))).toMatchObject({ uid, gid });
      expect(lstatSync(join(target, 'link'))).toMatchObject({ uid, gid });
    });

    it('writes a content wherever it is needed, with few files open at once', async () => {
      const [a, b] = [randomBytes(1_048_576), randomBytes(700_000)];
      const names = Array.from({ length: 20 }, (_, i) => `f${i}`);
      const data = names.map((_, i) => Buffer.concat(i % 2 === 0 ? [a, b] : [a, a, b]));
      const tree = dir(Object.fromEntries(names.map((name, i) => [name, file(data[i]!)])));
      let written = 0;
      const summary = await restore(tree, {
        maxOpenFiles: 3,
        parallel: 2,
        onEvent: (event) => void (event.type === 'bytes-written' && (written += event.bytes)),
      });
      for (const [i, name] of names.entries()) {
        expect(readFileSync(join(target, name)).equals(data[i]!)).toBe(true);
      }
      const bytes = data.reduce((sum, { length }) => sum + length, 0);
      expect(summary).toMatchObject({ files: 20, bytes });
      expect(written).toBe(bytes);
    });

    it('leaves holes in chunks that have zeros, and none in others', async () => {
      const mixed = Buffer.concat([randomBytes(300_000), Buffer.alloc(4_000_000), randomBytes(9)]);
      await restore(dir({ mixed: file(mixed) }), {}, { writeSparseFiles: true });
      expect(readFileSync(join(target, 'mixed')).equals(mixed)).toBe(true);
      expect(512 * statSync(join(target, 'mixed')).blocks).toBeLessThan(1_000_000);
    });

    it('names the file that cannot be written, and with ignoreErrors restores the others', async () => {
      // A limit that only the larger file exceeds would take a process of its own: its directory goes instead.
      const tree = dir({
        a: file(randomBytes(3_000_000)),
        sub: dir({ b: file(randomBytes(200_000)) }),
      });
      mkdirSync(join(target, 'a'), { recursive: true });
      await expect(restore(tree)).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
        facts: { path: expect.stringMatching(/a$/) },
      });
      const summary = await restore(tree, { ignoreErrors: true });
      expect(summary).toMatchObject({ files: 1, errors: 1 });
      expect(openDescriptors()).toBe(0);
    });

    it('fetches nothing for files that are there with equal size and time', async () => {
      const mtime = 1_700_000_000_000_000_000n;
      mkdirSync(target);
      writeFileSync(join(target, 'same'), 'LOCAL');
      utimesSync(join(target, 'same'), 1_700_000_001, 1_700_000_001);
      writeFileSync(join(target, 'changed'), 'LOCAL');
      const tree = dir({ same: file('saved', { mtime }), changed: file('saved', { mtime }) });
      const summary = await restore(tree, {}, { skipExisting: true });
      expect(summary).toMatchObject({ files: 1, skipped: 1, skippedBytes: 5 });
      expect(readFileSync(join(target, 'same'), 'utf8')).toBe('LOCAL');
      expect(readFileSync(join(target, 'changed'), 'utf8')).toBe('saved');
    });

    it('with deleteExtra makes an existing tree the same as the snapshot', async () => {
      mkdirSync(join(target, 'keep/extra/deep'), { recursive: true });
      mkdirSync(join(target, 'file'), { recursive: true });
      writeFileSync(join(target, 'dir'), 'in the way');
      writeFileSync(join(folder, 'outside'), 'outside');
      symlinkSync('../outside', join(target, 'stray'));
      const summary = await restore(
        dir({ keep: dir({ f: file('f') }), dir: dir({}), file: file('x') }),
        {
          deleteExtra: true,
        },
      );
      expect(new Set(readdirSync(target, { recursive: true, encoding: 'utf8' }))).toEqual(
        new Set(['dir', 'file', 'keep', 'keep/f']),
      );
      expect(readFileSync(join(folder, 'outside'), 'utf8')).toBe('outside');
      expect(summary.deletedExtra).toBe(4);
    });

    it('never follows a symlink that the snapshot plants in place of a directory', async () => {
      mkdirSync(join(folder, 'outside'));
      const hostile = dir([
        ['x', dir({ planted: file('planted') })],
        ['x', link('../outside')],
      ]);
      await restore(hostile);
      expect(lstatSync(join(target, 'x')).isSymbolicLink()).toBe(true);
      await expect(restore(dir({ x: dir({ planted: file('planted') }) }))).rejects.toMatchObject({
        code: 'TARGET_UNSAFE',
      });
      expect(readdirSync(join(folder, 'outside'))).toEqual([]);
    });

    it('leaves no partial file and no descriptor when it is aborted', async () => {
      const tree = dir({ a: file(randomBytes(3_000_000)), b: file(randomBytes(3_000_000)) });
      const controller = new AbortController();
      const reason = new Error('enough');
      const restoring = restore(tree, {
        signal: controller.signal,
        parallel: 1,
        onEvent: ({ type }) => {
          if (type === 'bytes-written') controller.abort(reason);
        },
      });
      await expect(restoring).rejects.toBe(reason);
      expect(readdirSync(target)).toEqual([]);
      expect(openDescriptors()).toBe(0);
    });
  });

  describe('a lost pack', () => {
    it('is named by the error, and with ignoreErrors costs only the files that need it', async () => {
      const [kept, lost] = [randomBytes(3_000_000), randomBytes(3_000_000)];
      // Each commit has packs of its own.
      await commitTree(repository, file(kept));
      const { objectID } = await commitTree(repository, file(lost.subarray(0, 1000)));
      const root = await commitTree(
        repository,
        dir({
          good: file(kept),
          mixed: file(Buffer.concat([kept, lost])),
          sub: dir({
            small: file(lost.subarray(0, 1000)),
            other: file(kept.subarray(0, 1_048_576)),
          }),
        }),
      );
      const { contentID } = objectReference(objectID!);
      const pack = repository.contents.contentInfo(contentID)!.packBlobID;
      await storage.deleteBlob(pack);

      await expect(restore(root)).rejects.toMatchObject({
        code: 'CORRUPT_DATA',
        message: expect.stringContaining(pack),
        facts: { path: 'sub/small', blobID: pack, contentID, objectID },
      });
      const failed: string[] = [];
      const summary = await restore(root, {
        ignoreErrors: true,
        onEvent: (event) => void (event.type === 'entry-failed' && failed.push(event.path)),
      });
      expect(failed).toEqual(['sub/small']);
      expect(summary).toMatchObject({ errors: 1, files: 3 });
      expect(readFileSync(join(target, 'mixed')).equals(Buffer.concat([kept, lost]))).toBe(true);
      expect(existsSync(join(target, 'sub/small'))).toBe(false);
    });

    it('leaves no part of a file that lost only some of its chunks', async () => {
      const [kept, lost] = [randomBytes(2_097_152), randomBytes(1_048_576)];
      const { contentID } = objectReference((await commitTree(repository, file(lost))).objectID!);
      const root = await commitTree(
        repository,
        dir({ bad: file(Buffer.concat([kept, lost])), good: file(kept) }),
      );
      await storage.deleteBlob(repository.contents.contentInfo(contentID)!.packBlobID);
      const summary = await restore(root, {
        ignoreErrors: true,
      });
      expect(summary).toMatchObject({ errors: 1, files: 1 });
      expect(readdirSync(target)).toEqual(['good']);
      expect(readFileSync(join(target, 'good')).equals(kept)).toBe(true);
    });
  });
});
