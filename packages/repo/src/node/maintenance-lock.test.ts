import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadFlock } from './flock.ts';
import { createMaintenanceLock } from './maintenance-lock.ts';

let folder: string;
let configuration: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-mlock-'));
  configuration = join(folder, 'repository.config');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

it('is held by one at a time, and leaves an empty file', async () => {
  const lock = createMaintenanceLock(configuration);
  const held = await lock.tryAcquire();
  expect(held).toBeDefined();
  expect(await lock.tryAcquire()).toBeUndefined();
  expect(await createMaintenanceLock(configuration).tryAcquire()).toBeUndefined();
  await held![Symbol.asyncDispose]();
  await held![Symbol.asyncDispose]();
  const again = await lock.tryAcquire();
  expect(again).toBeDefined();
  await again![Symbol.asyncDispose]();
  expect((await stat(`${configuration}.mlock`)).size).toBe(0);
});

it('is given back when the process that holds it is killed', async () => {
  const module = fileURLToPath(new URL('./maintenance-lock.ts', import.meta.url));
  const script = `
    const { createMaintenanceLock } = await import(${JSON.stringify(module)});
    const held = await createMaintenanceLock(${JSON.stringify(configuration)}).tryAcquire();
    console.log(held === undefined ? 'busy' : 'held');
    setInterval(() => held, 1000);
  `;
  const child = spawn(process.execPath, [
    '--conditions=longshore-source',
    '--input-type=module',
    '-e',
    script,
  ]);
  const [output] = await once(child.stdout, 'data');
  expect(String(output).trim()).toBe('held');
  const lock = createMaintenanceLock(configuration);
  expect(await lock.tryAcquire()).toBeUndefined();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const held = await lock.tryAcquire();
  expect(held).toBeDefined();
  await held![Symbol.asyncDispose]();
});

/** True if another program gets the lock that Kopia takes. */
function isFreeForOthers(): boolean {
  try {
    execFileSync('flock', ['--nonblock', `${configuration}.mlock`, 'true']);
    return true;
  } catch {
    return false;
  }
}

function isFlockMissing(): boolean {
  const why =
    loadFlock() === undefined
      ? 'Node cannot call libc'
      : spawnSync('flock', ['--version']).error === undefined
        ? undefined
        : 'no flock(1)';
  if (why !== undefined) console.warn(`SKIPPED: 2 tests of the lock beside Kopia: ${why}.`);
  return why !== undefined;
}

describe.skipIf(isFlockMissing())('beside a program that takes flock(2), as Kopia does', () => {
  it('is not given while that holds the file', async () => {
    const lock = createMaintenanceLock(configuration);
    const other = spawn('flock', [`${configuration}.mlock`, 'sh', '-c', 'echo held; cat']);
    await once(other.stdout, 'data');
    expect(await lock.tryAcquire()).toBeUndefined();
    other.stdin.end();
    await once(other, 'exit');
    const held = await lock.tryAcquire();
    expect(held).toBeDefined();
    await held![Symbol.asyncDispose]();
  });

  it('keeps that out until it is given back', async () => {
    const lock = createMaintenanceLock(configuration);
    const held = await lock.tryAcquire();
    expect(isFreeForOthers()).toBe(false);
    expect(await lock.tryAcquire()).toBeUndefined();
    expect(isFreeForOthers()).toBe(false);
    await held![Symbol.asyncDispose]();
    expect(isFreeForOthers()).toBe(true);
  });
});

it('keeps processes with and without FFI apart', async () => {
  const withFFI = createMaintenanceLock(configuration);
  const without = createMaintenanceLock(configuration, () => undefined);
  for (const [one, other] of [
    [withFFI, without],
    [without, withFFI],
  ] as const) {
    const held = await one.tryAcquire();
    expect(held).toBeDefined();
    expect(await other.tryAcquire()).toBeUndefined();
    await held![Symbol.asyncDispose]();
  }
});

it('says which file cannot be locked by libc either', async () => {
  const refusing = (): boolean => {
    throw new Error('no locks on this file system');
  };
  const lock = createMaintenanceLock(configuration, () => refusing);
  await expect(lock.tryAcquire()).rejects.toMatchObject({
    code: 'STORAGE_FAILED',
    facts: { path: `${configuration}.mlock` },
  });
  const held = await createMaintenanceLock(configuration).tryAcquire();
  expect(held).toBeDefined();
  await held![Symbol.asyncDispose]();
});

it('says which file cannot be locked', async () => {
  await writeFile(
    `${configuration}.mlock`,
    'this is no database, and long enough to be one'.repeat(9),
  );
  await expect(createMaintenanceLock(configuration).tryAcquire()).rejects.toMatchObject({
    code: 'STORAGE_FAILED',
    facts: { path: `${configuration}.mlock` },
  });
});
