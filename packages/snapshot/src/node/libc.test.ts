import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadLibc } from './libc.ts';

const run = promisify(execFile);
const libcModule = fileURLToPath(new URL('libc.ts', import.meta.url));

/** Loads libc in a process of its own, where nothing has loaded node:ffi before. */
function loadInChild(nodeOptions: readonly string[], after = '') {
  const script = `
    const { emitWarning } = process;
    const { loadLibc } = await import(${JSON.stringify(libcModule)});
    const loaded = loadLibc() !== undefined;
    console.log(loaded, process.emitWarning === emitWarning);
    ${after}`;
  return run(process.execPath, [
    ...nodeOptions,
    '--conditions=longshore-source',
    '--input-type=module',
    '-e',
    script,
  ]);
}

const hasFFI = process.platform === 'linux' && loadLibc() !== undefined;

describe('loadLibc', () => {
  it.runIf(hasFFI)('lets no experimental warning reach the user', async () => {
    const { stdout, stderr } = await loadInChild([]);
    expect(stdout).toBe('true true\n');
    expect(stderr).toBe('');
  });

  it.runIf(hasFFI)('leaves other warnings alone', async () => {
    const { stderr } = await loadInChild([], `process.emitWarning('mind the gap');`);
    expect(stderr).toContain('mind the gap');
    expect(stderr).not.toContain('FFI');
  });

  it.runIf(hasFFI)('finds nothing where the module is switched off', async () => {
    const { stdout, stderr } = await loadInChild(['--no-experimental-ffi']);
    expect(stdout).toBe('false true\n');
    expect(stderr).toBe('');
  });

  it.runIf(hasFFI)('finds nothing under a permission model that forbids it', async () => {
    const { stdout } = await loadInChild(['--permission', '--allow-fs-read=*']);
    expect(stdout).toBe('false true\n');
  });

  it.runIf(hasFFI)('tells why a call failed', () => {
    const libc = loadLibc();
    expect(libc?.openat(-1, 'relative', 0, 0)).toBe(-1);
    expect(libc?.lastError()).toBe(9);
    expect(libc?.openat(-1, '/no/such/path', 0, 0)).toBe(-1);
    expect(libc?.lastError()).toBe(2);
  });
});
