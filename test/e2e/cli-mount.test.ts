import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { array, assert, asyncProperty, nat } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { copyGolden, goldenRepositories, type GoldenRepository } from '../golden.ts';
import { makeCertificate } from '../tls-front.ts';
import { CLIWorld } from './cli-world.ts';
import { endMount, startMount } from './start-mount.ts';

const GOLDEN_NAMES = ['odd-names', 'lived-in-v3', 'splitters'];

interface Found {
  readonly path: string;
  readonly type: 'dir' | 'file';
  readonly size?: number;
  readonly sha256?: string;
  readonly modified: string;
}

/** Everything below a directory, as a client finds it: one PROPFIND for each directory, one GET for each file. */
async function walk(url: string, above = ''): Promise<readonly Found[]> {
  const answer = await fetch(url, { method: 'PROPFIND', headers: { Depth: '1' } });
  expect(answer.status).toBe(207);
  const [, ...inside] = (await answer.text()).split('<D:response>').slice(1);
  const found: Found[] = [];
  for (const xml of inside) {
    const [, href = ''] = /<D:href>(.*?)<\/D:href>/.exec(xml) ?? [];
    const [, modified = ''] = /<D:getlastmodified>(.*?)</.exec(xml) ?? [];
    const [, size] = /<D:getcontentlength>(\d+)</.exec(xml) ?? [];
    const target = new URL(href.replaceAll('&#39;', "'"), url).href;
    const name = decodeURIComponent(target.split('/').findLast((part) => part !== '') ?? '');
    const path = above === '' ? name : `${above}/${name}`;
    if (size === undefined) {
      found.push({ path, type: 'dir', modified }, ...(await walk(target, path)));
    } else {
      const data = new Uint8Array(await (await fetch(target)).arrayBuffer());
      const sha256 = createHash('sha256').update(data).digest('hex');
      found.push({ path, type: 'file', size: Number(size), sha256, modified });
    }
  }
  return found;
}

function byPath(found: readonly Found[]): ReadonlyMap<string, Found> {
  return new Map(found.map((one) => [one.path, one]));
}

function httpDate(nanoseconds: string): string {
  const seconds = Math.floor(Number(BigInt(nanoseconds) / 1_000_000n) / 1000);
  return new Date(seconds * 1000).toUTCString();
}

describe.each(
  goldenRepositories()
    .filter(({ name }) => GOLDEN_NAMES.includes(name))
    .map((golden) => [golden.name, golden] as const),
)('Kopia’s repository %s, mounted', (_name, golden: GoldenRepository) => {
  const world = new CLIWorld();
  const { expected } = golden;
  const env = { KOPIA_PASSWORD: expected.password };
  const repository = copyGolden(golden);

  beforeAll(() =>
    world.ok(['repository', 'connect', 'filesystem', `--path=${repository}`], { env }),
  );

  afterAll(() => {
    world[Symbol.dispose]();
    rmSync(repository, { recursive: true, force: true });
  });

  it('shows each snapshot by owner, path and time, with the bytes that Kopia stored', async () => {
    const mounted = await startMount(world, [], env);
    const inSecond = new Map<string, number>();
    const startOf = (snapshot: Record<string, unknown>): string => String(snapshot['startTime']);
    for (const snapshot of expected.snapshots.toSorted((a, b) =>
      startOf(a) < startOf(b) ? -1 : 1,
    )) {
      const { host, userName, path } = snapshot['source'] as Record<string, string>;
      const start = startOf(snapshot).slice(0, 19);
      const count = (inSecond.get(start) ?? 0) + 1;
      inSecond.set(start, count);
      const time =
        start.replaceAll(/[-:]/g, '').replace('T', '-') + (count > 1 ? ` (${count})` : '');
      const source = path?.slice(1).replaceAll('/', '_');
      const folder = `${mounted.url}${userName}@${host}/${source}/${time}/`;
      const found = byPath(await walk(folder));
      const tree = expected.trees[String(snapshot['id'])] ?? [];
      const shown = tree.filter(({ path: own, type }) => own !== '.' && type !== 'symlink');
      expect(shown.length).toBeGreaterThan(0);
      for (const { path: own, type, size, sha256, mtimeNs } of shown) {
        expect(found.get(own)).toEqual({
          path: own,
          type,
          modified: httpDate(mtimeNs),
          ...(type === 'file' ? { size, sha256 } : {}),
        });
      }
      expect(found.size).toBe(new Set(shown.map(({ path: own }) => own)).size);
    }
    expect((await endMount(mounted)).code).toBe(0);
  });
});

describe('a mounted snapshot', () => {
  const world = new CLIWorld();
  const large = new Uint8Array(5_000_000).map((_, index) => (index * index) >> 7);
  let root: string;

  beforeAll(async () => {
    mkdirSync(world.path('source', 'sub'), { recursive: true });
    writeFileSync(world.path('source', 'large'), large);
    writeFileSync(world.path('source', 'sub', 'small.txt'), 'small');
    await world.ok(['repository', 'create', 'filesystem', `--path=${world.path('repo')}`]);
    await world.ok(['policy', 'set', '--global', '--splitter=FIXED-1M']);
    await world.ok(['snapshot', 'create', 'source']);
    const [snapshot] = await world.json<readonly { id: string; rootEntry: { obj: string } }[]>([
      'snapshot',
      'list',
    ]);
    root = snapshot!.rootEntry.obj;
  });

  afterAll(() => world[Symbol.dispose]());

  it('gives the right bytes for random ranges, several at once', async () => {
    const mounted = await startMount(world, [root]);
    const range = nat(large.length - 1).chain((first) =>
      nat(large.length - 1 - first).map((more) => [first, first + more] as const),
    );
    await assert(
      asyncProperty(array(range, { minLength: 1, maxLength: 8 }), async (ranges) => {
        await Promise.all(
          ranges.map(async ([first, last]) => {
            const answer = await fetch(new URL('large', mounted.url), {
              headers: { Range: `bytes=${first}-${last}` },
            });
            expect(answer.status).toBe(206);
            const bytes = Buffer.from(await answer.arrayBuffer());
            expect(bytes.equals(large.subarray(first, last + 1))).toBe(true);
          }),
        );
      }),
      { numRuns: 20 },
    );
    expect((await endMount(mounted)).code).toBe(0);
  });

  it('may be a directory below a snapshot, and shows itself to browsers', async () => {
    const mounted = await startMount(world, [`${root}/sub`, '*']);
    const page = await (await fetch(mounted.url)).text();
    expect(page).toContain('<a href="/small.txt"><bdi>small.txt</bdi></a>');
    expect(await (await fetch(new URL('small.txt', mounted.url))).text()).toBe('small');
    const { code, stdout, stderr } = await endMount(mounted);
    expect(code).toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/\nUnmounted\.\n$/);
  });

  it('asks for the password that it was given, and writes requests to the log when told so', async () => {
    const log = world.path('mount.log');
    const args = [root, '--trace-fs', `--log-file=${log}`, '--server-username=me'];
    const mounted = await startMount(world, args, { KOPIA_SERVER_PASSWORD: 'open sesame' });
    expect((await fetch(mounted.url)).status).toBe(401);
    const Authorization = `Basic ${Buffer.from('me:open sesame').toString('base64')}`;
    const answer = await fetch(new URL('large', mounted.url), {
      headers: { Authorization, Range: 'bytes=1-2' },
    });
    expect(answer.status).toBe(206);
    await answer.arrayBuffer();
    await endMount(mounted);
    const written = await readFile(log, 'utf8');
    expect(written).toContain('GET /: 401\n');
    expect(written).toContain('GET /large bytes=1-2: 206\n');
    expect(written).not.toContain('sesame');
  });

  it('speaks HTTPS with the certificate that it was given', async ({ skip }) => {
    const certificate = await makeCertificate();
    if (certificate === undefined) return skip('no openssl');
    const { cert, key } = certificate;
    writeFileSync(world.path('cert.pem'), cert);
    writeFileSync(world.path('key.pem'), key);
    const tls = ['--tls-cert-file=cert.pem', '--tls-key-file=key.pem'];
    const mounted = await startMount(world, [`${root}/sub`, ...tls]);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(new URL('small.txt', mounted.url), { ca: cert }, resolve).on('error', reject);
    });
    expect(Buffer.concat(await Array.fromAsync<Buffer>(answer)).toString()).toBe('small');
    expect((await endMount(mounted)).code).toBe(0);
    return undefined;
  });

  it('is shown in the browser when told so, and goes on where there is none', async () => {
    mkdirSync(world.path('bin'));
    for (const name of ['xdg-open', 'open']) {
      const script = `#!/bin/sh\nprintf %s "$1" > ${world.path('shown')}\n`;
      writeFileSync(world.path('bin', name), script, { mode: 0o755 });
    }
    const shown = await startMount(world, [root, '--browse'], {
      PATH: `${world.path('bin')}:/usr/bin:/bin`,
    });
    await vi.waitFor(
      async () => expect(await readFile(world.path('shown'), 'utf8')).toBe(shown.url),
      10_000,
    );
    await endMount(shown);
    const unseen = await startMount(world, [root, '--browse'], { PATH: world.path('nowhere') });
    expect((await fetch(unseen.url)).status).toBe(200);
    const { code, stderr } = await endMount(unseen);
    expect(code).toBe(0);
    expect(stderr).toContain('Cannot browse: ');
  });

  it('ends in order though a client takes nothing of what it asked for', async () => {
    const mounted = await startMount(world, [root]);
    const answer = await fetch(new URL('large', mounted.url));
    const { code } = await endMount(mounted);
    expect(code).toBe(0);
    await answer.body?.cancel().catch(() => {});
  });

  it.each([
    [['all'], 'mount needs --webdav'],
    [['--webdav', 'all', '/mnt'], 'mount does not mount on /mnt'],
    [['--webdav', '--fuse-allow-other'], '--fuse-allow-other is not supported'],
    [['--webdav', '--fuse-allow-non-empty-mount'], 'is not supported'],
    [['--webdav', '--address=0.0.0.0:0'], 'others could read every snapshot'],
    [['--webdav', '--address=nonsense:99999'], 'needs HOST:PORT'],
    [['--webdav', '--server-password='], '--server-password must not be empty'],
    [['--webdav', '--server-password=x', '--server-username=a:b'], 'must have no colon'],
    [['--webdav', '--tls-cert-file=x'], 'are needed together'],
    [['--webdav', '--tls-cert-file=x', '--tls-key-file=y'], 'cannot read x'],
    [['--webdav', 'nonsense'], 'does not begin with the ID of a snapshot or object'],
  ])('is refused for %j: %s', async (args, message) => {
    const { code, stderr } = await world.run(['mount', ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it('is refused for a file', async () => {
    const { code, stderr } = await world.run(['mount', '--webdav', `${root}/large`]);
    expect(code).toBe(1);
    expect(stderr).toContain('is a file, not a directory');
  });
});
