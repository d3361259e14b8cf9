import { COMPRESSION_HEADER_IDS, ENCRYPTION_NAMES, HASH_NAMES } from '@longshore/repo';
import { SPLITTER_NAMES } from '@longshore/chunker';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks, PROJECT_ROOT, withValues } from './markdown.ts';
import { findMinio, isMinioMissing, startMinio } from './minio.ts';
import { prepareReadmeSnippet } from './readme-snippet.ts';
import { runSuccessfully } from './run-program.ts';

const README = readFileSync(join(PROJECT_ROOT, 'README.md'), 'utf8');
const BINARIES = join(PROJECT_ROOT, 'node_modules/.bin');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-readme-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The names in the second column of a row. */
function namesIn(row: string): readonly string[] {
  const line = README.split('\n').find((text) => text.startsWith(`| ${row} |`));
  const column = line?.split('|')[2] ?? '';
  return Array.from(column.matchAll(/`([^`]+)`/g), ([, name]) => name!);
}

/** Runs lines of a block as a user with an empty home would, with the command on the path. */
async function runBlock(
  block: string | undefined,
  home: string,
  values: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const photos = join(home, 'photos');
  mkdirSync(photos, { recursive: true });
  writeFileSync(join(photos, 'summer.jpg'), 'a summer that was');
  const script = withValues(block ?? '', { '/home/me/photos': photos, ...values });
  return runSuccessfully('sh', ['-euc', script], {
    cwd: home,
    env: {
      PATH: `${BINARIES}${delimiter}${process.env['PATH']}`,
      HOME: home,
      ...environment,
    },
  });
}

describe('the table of what is compatible', () => {
  it('names every hash, cipher and compressor, and no other', () => {
    expect(namesIn('hashes')).toEqual([...HASH_NAMES]);
    expect(namesIn('ciphers')).toEqual([...ENCRYPTION_NAMES]);
    expect(namesIn('compressors').toSorted()).toEqual(
      Object.keys(COMPRESSION_HEADER_IDS).toSorted(),
    );
  });

  it('names every splitter by its algorithm and sizes, and no other', () => {
    const names = namesIn('splitters');
    const sizes = names.filter((name) => /^\d+[KM]$/.test(name));
    const named = names.filter((name) => !sizes.includes(name));
    const all = named.flatMap((name) =>
      name.includes('*') ? sizes.map((size) => name.replace('*', size)) : [name],
    );
    expect(all.toSorted()).toEqual([...SPLITTER_NAMES].toSorted());
  });
});

describe('the library example', () => {
  it('meets the types, creates a snapshot, restores it and streams a file of it', async () => {
    // Below test/, where the packages of the workspace are found.
    const place = join(import.meta.dirname, '.cache', 'readme');
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
    const snippet = prepareReadmeSnippet(join(folder, 'library'));
    writeFileSync(join(place, 'create.ts'), snippet.createProgram);
    writeFileSync(join(place, 'snippet.ts'), snippet.program);
    const settings = {
      extends: '../../../tsconfig.tests.json',
      compilerOptions: { incremental: false },
      include: ['snippet.ts'],
    };
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(settings));
    await runSuccessfully(join(BINARIES, 'tsc'), ['-p', place], { cwd: place });
    const source = '--conditions=longshore-source';
    await runSuccessfully(process.execPath, [source, 'create.ts'], { cwd: place });
    const printed = await runSuccessfully(process.execPath, [source, 'snippet.ts'], { cwd: place });
    expect(printed).toBe(snippet.printed);
    snippet.checkRestored();
  });
});

describe('the shell examples', () => {
  const [setUp, local, s3] = codeBlocks('README.md', 'sh');

  it('set up with scripts that the workspace has', () => {
    const commands = Array.from((setUp ?? '').matchAll(/^npx pnpm@12 (\w+)/gm), ([, name]) => name);
    const { scripts } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    expect(commands).toEqual(['quickstart', 'test']);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['quickstart', 'test']));
  });

  it('back up to a folder, verify, and restore what was there', async () => {
    const home = join(folder, 'local');
    await runBlock(local, home, {
      '/mnt/backup': join(home, 'backup'),
      '/tmp/restored': join(home, 'restored'),
    });
    expect(readFileSync(join(home, 'restored/summer.jpg'), 'utf8')).toBe('a summer that was');
  });

  it('quickstart snapshots a folder, verifies it and says how to restore it', async () => {
    const home = join(folder, 'quickstart');
    const printed = await runBlock('longshore quickstart /home/me/photos', home, {});
    expect(printed).toMatch(/restore/);
  });

  describe('with MinIO', async () => {
    const binary = await findMinio();
    it.skipIf(isMinioMissing(binary, "README's S3 example", 1))(
      'back up to a bucket and list as JSON',
      async () => {
        await using minio = await startMinio(binary!);
        await minio.createBucket('backup');
        const printed = await runBlock(
          s3,
          join(folder, 's3'),
          { '127.0.0.1:9000': minio.endpoint },
          {
            AWS_ACCESS_KEY_ID: minio.accessKeyID,
            AWS_SECRET_ACCESS_KEY: minio.secretAccessKey,
          },
        );
        expect(printed).toMatch(/^\[/m);
      },
    );
  });
});
