import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { findProgram } from './find-program.ts';
import { kopiaPeer, versionOf } from './kopia.ts';
import { resticPeer } from './restic.ts';
import { rusticPeer } from './rustic.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-peers-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** A program that prints a version and fails if asked for anything else. */
function fakeProgram(name: string, version: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\ncase "$1" in *version) echo "${version}";; *) exit 3;; esac\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('finding programs', () => {
  it('takes the variable before the path, and the path before nothing', () => {
    const tool = fakeProgram('tool', '1');
    vi.stubEnv('PATH', folder);
    expect(findProgram('tool', 'TOOL_BIN')).toBe(tool);
    vi.stubEnv('TOOL_BIN', process.execPath);
    expect(findProgram('tool', 'TOOL_BIN')).toBe(process.execPath);
    vi.stubEnv('TOOL_BIN', join(folder, 'missing'));
    expect(() => findProgram('tool', 'TOOL_BIN')).toThrow('TOOL_BIN: there is no');
    vi.stubEnv('TOOL_BIN', '');
    expect(findProgram('other', 'TOOL_BIN')).toBeUndefined();
  });

  it('gives no peer where the program is absent', () => {
    vi.stubEnv('PATH', join(folder, 'empty'));
    for (const name of ['KOPIA_BIN', 'RESTIC_BIN', 'RUSTIC_BIN']) vi.stubEnv(name, '');
    expect([kopiaPeer(), resticPeer(), rusticPeer()]).toEqual([undefined, undefined, undefined]);
  });
});

describe('peers', () => {
  it('name their version', () => {
    expect(versionOf('0.23.1 build: 0123 from: kopia/kopia\n')).toBe('0.23.1');
    vi.stubEnv(
      'RESTIC_BIN',
      fakeProgram('restic', 'restic 0.19.1 compiled with go1.26 on linux/amd64'),
    );
    expect(resticPeer()?.version).toBe('0.19.1');
    vi.stubEnv('RUSTIC_BIN', fakeProgram('rustic', 'rustic v0.12.0'));
    expect(rusticPeer()?.version).toBe('v0.12.0');
  });

  it('say what they cannot do', () => {
    vi.stubEnv('RUSTIC_BIN', fakeProgram('rustic', 'rustic v0.12.0'));
    const storage = { kind: 'filesystem', path: '/r' } as const;
    const peer = rusticPeer()!;
    expect(peer.refusal({ storage, format: {} })).toBeUndefined();
    expect(peer.refusal({ storage, format: { hash: 'BLAKE3-256' } })).toMatch(/one hash/);
  });

  it('give Kopia a configuration, a cache and logs of its own for each client', async () => {
    const program = join(folder, 'kopia');
    writeFileSync(program, '#!/bin/sh\necho "0.23.1 build"\n');
    chmodSync(program, 0o755);
    vi.stubEnv('KOPIA_BIN', program);
    const home = join(folder, 'home');
    const client = await kopiaPeer()!.create({
      home,
      storage: { kind: 'filesystem', path: join(folder, 'repository') },
      format: {},
    });
    const { environment, parameters } = client.snapshot('/data');
    expect(environment).toMatchObject({
      KOPIA_CONFIG_PATH: join(home, 'repository.config'),
      KOPIA_CACHE_DIRECTORY: join(home, 'cache'),
      KOPIA_LOG_DIR: join(home, 'logs'),
      KOPIA_CHECK_FOR_UPDATES: 'false',
    });
    expect(parameters).toContain('--override-source=bench@bench:/bench/tree');
    expect(client.parseSnapshot('{"rootEntry":{"obj":"kabc"}}').reference).toBe('kabc');
  });
});
