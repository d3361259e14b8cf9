import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
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
