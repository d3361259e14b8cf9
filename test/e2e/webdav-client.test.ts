import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuthType, createClient, type FileStat, type WebDAVClient } from 'webdav';
import { createSeededTree } from '../trees.ts';
import { CLIWorld } from './cli-world.ts';
import { endMount, startMount, type Mount } from './start-mount.ts';

async function read(
  client: WebDAVClient,
  filename: string,
  range?: { readonly start: number; readonly end: number },
): Promise<Buffer> {
  const stream: unknown = client.createReadStream(filename, range === undefined ? {} : { range });
  if (!(stream instanceof Readable)) throw new Error('not a stream of Node');
  return buffer(stream);
}

describe('a WebDAV client of other people', () => {
  const world = new CLIWorld();
  let mounted: Mount;
  let client: WebDAVClient;

  beforeAll(async () => {
    createSeededTree(world.path('source'), {
      seed: 5,
      files: 120,
      totalBytes: 3_000_000,
      oddNames: 0.2,
      symlinks: 2,
    });
    mkdirSync(world.path('source', 'empty folder'));
    writeFileSync(world.path('source', 'empty file'), '');
    await world.ok(['repository', 'create', 'filesystem', `--path=${world.path('repo')}`]);
    const { id } = await world.json<{ id: string }>(['snapshot', 'create', 'source']);
    mounted = await startMount(world, [id], { KOPIA_SERVER_PASSWORD: 'open sesame' });
    client = createClient(mounted.url, {
      authType: AuthType.Password,
      username: 'kopia',
      password: 'open sesame',
    });
  });

  afterAll(async () => {
    await endMount(mounted);
    world[Symbol.dispose]();
  });

  async function list(folder: string): Promise<readonly FileStat[]> {
    const inside = (await client.getDirectoryContents(folder)) as readonly FileStat[];
    const below = await Promise.all(
      inside.filter(({ type }) => type === 'directory').map(({ filename }) => list(filename)),
    );
    return [...inside, ...below.flat()];
  }

  it('finds every file and folder, with the bytes that were backed up', async () => {
    const all = await list('/');
    const files = all.filter(({ type }) => type === 'file');
    expect(files).toHaveLength(121);
    expect(all.some(({ filename }) => filename === '/empty folder')).toBe(true);
    for (const { filename, size } of files) {
      const original = readFileSync(world.path('source', filename));
      const stored = await read(client, filename);
      expect(stored.equals(original)).toBe(true);
      expect(size).toBe(original.length);
    }
  });

  it('reads a part of a file', async () => {
    const files = (await list('/')).filter(({ size }) => size > 1000);
    const { filename } = files[0]!;
    const part = await read(client, filename, { start: 10, end: 99 });
    expect(part.equals(readFileSync(world.path('source', filename)).subarray(10, 100))).toBe(true);
  });

  it('is told what is there and what is not, and cannot change anything', async () => {
    expect(await client.getDAVCompliance('/')).toMatchObject({ compliance: ['1'] });
    expect(await client.exists('/empty file')).toBe(true);
    expect(await client.exists('/link0')).toBe(false);
    await expect(client.putFileContents('/new', 'x')).rejects.toMatchObject({ status: 405 });
    await expect(client.deleteFile('/empty file')).rejects.toMatchObject({ status: 405 });
    await expect(client.createDirectory('/new')).rejects.toMatchObject({ status: 405 });
  });
});
