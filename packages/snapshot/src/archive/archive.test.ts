import { execFile } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { portableAlgorithms, type OpenWritableRepository } from '@longshore/repo';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DirEntry } from '../dir-manifest.ts';
import { createArchiveFile } from '../node/archive-file.ts';
import { restoreSnapshot } from '../restore/restore.ts';
import type { RestoreOptions } from '../restore/restore-run.ts';
import {
  commitTree,
  createTestRepository,
  dir,
  file,
  link,
  storeIndexObject,
} from '../tree-fixture.ts';
import { gzipSink, type ArchiveSink } from './archive-sink.ts';
import { createTarOutput } from './tar-output.ts';
import { createZipOutput } from './zip-output.ts';

const run = promisify(execFile);
const LONG = 'n'.repeat(120);
const DEEP = 'd'.repeat(90);
const MTIME = 1_600_000_001n * 1_000_000_000n;

let repository: OpenWritableRepository;
let folder: string;
let tree: DirEntry;

beforeAll(async () => {
  ({ repository } = await createTestRepository(portableAlgorithms()));
  tree = await commitTree(
    repository,
    dir({
      plain: file('hello\n', { mode: 0o640, mtime: MTIME }),
      empty: file('', { mtime: MTIME }),
      setuid: file('x', { mode: 0o755 | (1 << 23), mtime: MTIME }),
      exact: file('b'.repeat(512), { mtime: MTIME }),
      big: file('big '.repeat(100_000), { mtime: MTIME }),
      'ünï 😀\n"q"': file('odd', { mtime: MTIME }),
      [LONG]: file('long', { mtime: MTIME }),
      old: file('old', { mtime: -1_500_000_000n }),
      owner: file('o', { uid: 3_000_000, gid: 4_000_000_000, mtime: MTIME }),
      link: link('plain', { mtime: MTIME }),
      far: link('t'.repeat(300), { mtime: MTIME }),
      sub: dir(
        { [DEEP]: dir({ [DEEP]: dir({ f: file('deep', { mtime: MTIME }) }) }), e: dir({}) },
        { mode: 0o711, mtime: MTIME },
      ),
    }),
  );
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-archive-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

afterAll(async () => {
  await repository[Symbol.asyncDispose]();
});

type Kind = 'tar' | 'tgz' | 'zip' | 'zip-nocompress';

function outputOf(kind: Kind, sink: ArchiveSink) {
  if (kind === 'tar') return createTarOutput(sink);
  if (kind === 'tgz') return createTarOutput(gzipSink(sink));
  return createZipOutput(sink, { compress: kind === 'zip' });
}

async function archive(
  kind: Kind,
  root: DirEntry = tree,
  options: RestoreOptions = {},
): Promise<string> {
  const path = join(folder, 'archive');
  await using output = outputOf(kind, await createArchiveFile(path));
  await restoreSnapshot(repository, root, output, options);
  await output.finish();
  return path;
}

/** With a program of the system, or Python where it has none. */
async function unpack(kind: Kind, path: string): Promise<string> {
  const target = join(folder, 'unpacked');
  if (kind === 'tar' || kind === 'tgz') {
    await run('mkdir', [target]);
    await run('tar', [
      ...(kind === 'tgz' ? ['-z'] : []),
      '--no-same-owner',
      '-xpf',
      path,
      '-C',
      target,
    ]);
  } else {
    await run('python3', ['-c', UNZIP, path, target]);
  }
  return target;
}

/** Checks every checksum, and follows the Unix bits as Info-ZIP does. */
const UNZIP = `
import os, stat, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
os.mkdir(sys.argv[2])
for member in archive.infolist():
    mode = member.external_attr >> 16
    path = os.path.join(sys.argv[2], member.filename)
    if stat.S_ISLNK(mode):
        os.symlink(archive.read(member), path.encode())
    else:
        archive.extract(member, sys.argv[2])
        os.chmod(path, stat.S_IMODE(mode))
`;

/** Everything below a folder: kind, bits, content. */
function describeTree(root: string, path = ''): readonly string[] {
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => {
      const below = join(path, name);
      const stats = lstatSync(join(root, below));
      if (stats.isSymbolicLink()) return [`${below} -> ${readlinkSync(join(root, below))}`];
      const bits = (stats.mode & 0o7777).toString(8);
      if (stats.isDirectory()) return [`${below} ${bits}/`, ...describeTree(root, below)];
      return [`${below} ${bits} ${readFileSync(join(root, below), 'utf8')}`];
    });
}

const EXPECTED = [
  'big 644 '.concat('big '.repeat(100_000)),
  'empty 644 ',
  `exact 644 ${'b'.repeat(512)}`,
  `far -> ${'t'.repeat(300)}`,
  'link -> plain',
  `${LONG} 644 long`,
  'old 644 old',
  'owner 644 o',
  'plain 640 hello\n',
  'setuid 4755 x',
  'sub 711/',
  `sub/${DEEP} 755/`,
  `sub/${DEEP}/${DEEP} 755/`,
  `sub/${DEEP}/${DEEP}/f 644 deep`,
  'sub/e 755/',
  'ünï 😀\n"q" 644 odd',
];

describe.each(['tar', 'tgz', 'zip', 'zip-nocompress'] as const)('a %s of a snapshot', (kind) => {
  it('is unpacked by other programs to the tree that was archived', async () => {
    const target = await unpack(kind, await archive(kind));
    expect(describeTree(target)).toEqual([...EXPECTED].sort());
  });

  it('comes out the same twice', async () => {
    const first = readFileSync(await archive(kind));
    const second = readFileSync(await archive(kind));
    expect(first.equals(second)).toBe(true);
  });

  it('does not exist unless it is complete', async () => {
    const lost = await commitTree(
      repository,
      dir({ a: { type: 'f', objectID: 'bc392cb6dc62013ef767027e8964392e' as never, size: 4 } }),
    );
    await expect(archive(kind, lost)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('goes on after a file that is lost as a whole', async () => {
    const lost = await commitTree(
      repository,
      dir({
        a: { type: 'f', objectID: 'bc392cb6dc62013ef767027e8964392e' as never, size: 4 },
        b: file('kept'),
      }),
    );
    const target = await unpack(kind, await archive(kind, lost, { ignoreErrors: true }));
    expect(describeTree(target)).toEqual(['b 644 kept']);
  });
});

/** `a` is half lost, and other entries are not. */
async function halfLost(): Promise<DirEntry> {
  await using writer = repository.newWriter();
  const good = await writer.writeObject(new TextEncoder().encode('good'));
  const objectID = await storeIndexObject(writer, {
    entries: [
      { l: 4, o: good },
      { s: 4, l: 4, o: 'bc392cb6dc62013ef767027e8964392e' },
    ],
  });
  await writer.flush();
  return commitTree(
    repository,
    dir({ a: { type: 'f', objectID, size: 8 }, b: file('kept'), c: dir({ d: file('d') }) }),
  );
}

describe('half a lost file', () => {
  it('is left out of a zip', async () => {
    const path = await archive('zip', await halfLost(), { ignoreErrors: true });
    expect(describeTree(await unpack('zip', path))).toEqual(['b 644 kept', 'c 755/', 'c/d 644 d']);
  });

  it('is the end of a tar, which says so', async () => {
    const root = await halfLost();
    await expect(archive('tar', root, { ignoreErrors: true })).rejects.toMatchObject({
      code: 'TARGET_UNWRITABLE',
      message: expect.stringContaining('a: a part of it is lost'),
    });
    expect(existsSync(join(folder, 'archive'))).toBe(false);
  });
});

describe('a zip of more than 4 GiB', () => {
  it('has 64-bit sizes and offsets that other programs read', async () => {
    const path = join(folder, 'large.zip');
    const descriptor = openSync(path, 'w');
    let position = 0;
    const zeros = new Uint8Array(16 * 1024 * 1024);
    const sink: ArchiveSink = {
      write: async (data) => {
        // Zeros become a hole: the test is about the headers.
        if (data !== zeros) writeSync(descriptor, data, 0, data.length, position);
        position += data.length;
      },
      finish: async () => closeSync(descriptor),
      abandon: async () => {},
    };
    const output = createZipOutput(sink, { compress: false });
    const size = 257 * zeros.length;
    const attributes = { mode: 0o644, mtime: MTIME, uid: 0, gid: 0 };
    const large = (await output.root.createFile('large', { ...attributes, size }))!;
    for (let i = 0; i < 257; i++) await large.writeAt(i * zeros.length, zeros);
    await large.finish();
    const small = (await output.root.createFile('small', { ...attributes, size: 3 }))!;
    await small.writeAt(0, new TextEncoder().encode('end'));
    await small.finish();
    await output.finish();
    const script = `
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
print([(m.filename, m.file_size, m.compress_size) for m in archive.infolist()], archive.read('small'))
`;
    const { stdout } = await run('python3', ['-c', script, path]);
    expect(stdout).toBe(`[('large', ${size}, ${size}), ('small', 3, 3)] b'end'\n`);
  });
});

describe('the times in an archive', () => {
  it('are whole seconds, rounded as Kopia rounds them', async () => {
    const { stdout } = await run('tar', [
      '--utc',
      '--full-time',
      '--numeric-owner',
      '-tvf',
      await archive('tar'),
    ]);
    expect(stdout).toContain('2020-09-13 12:26:41 plain');
    // -1.5 s is rounded up.
    expect(stdout).toContain('1969-12-31 23:59:59 old');
    expect(stdout).toMatch(/3000000\/4000000000 .* owner/u);
  });
});

describe('the file of an archive', () => {
  it('replaces one that is there, unless that is not wanted', async () => {
    const path = join(folder, 'there');
    writeFileSync(path, 'before');
    const refusing = await createArchiveFile(path, { overwrite: false });
    await refusing.write(new TextEncoder().encode('refused'));
    await expect(refusing.finish()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await refusing.abandon().catch(() => undefined);
    expect(readFileSync(path, 'utf8')).toBe('before');
    const replacing = await createArchiveFile(path);
    await replacing.write(new TextEncoder().encode('after'));
    await replacing.finish();
    expect(readFileSync(path, 'utf8')).toBe('after');
    expect(readdirSync(folder)).toEqual(['there']);
  });

  it('may be a device, which stays one', async () => {
    const sink = await createArchiveFile('/dev/null');
    await sink.write(new Uint8Array(3_000_000));
    await sink.finish();
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});
