import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

it('loads nothing of HTTP before it is needed: with all of fetch behind it that takes 50 ms', async () => {
  const script = `
    await import('@longshore/snapshot/node');
    await import('@longshore/repo/node');
    console.log(process.moduleLoadList.filter((name) => /NativeModule (https?|.*undici)$/.test(name)).join());`;
  const { stdout } = await run(
    process.execPath,
    ['--conditions=longshore-source', '--input-type=module', '-e', script],
    { cwd: import.meta.dirname },
  );
  expect(stdout).toBe('\n');
});
