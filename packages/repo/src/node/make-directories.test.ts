import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectories, makeDirectoriesSync } from './make-directories.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'longshore-folders-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe.each([
  ['one after the other', makeDirectories],
  [
    'at once',
    async (path: string, options: { readonly mode: number }) => makeDirectoriesSync(path, options),
  ],
])('folders made %s', (_how, make) => {
  const mode = 0o700;

  it('are those that are missing, and the topmost of them is known', async () => {
    const path = join(root, 'a', 'b', 'c');
    expect(await make(path, { mode })).toBe(join(root, 'a'));
    expect(statSync(path).mode & 0o777).toBe(mode);
    expect(statSync(join(root, 'a')).mode & 0o777).toBe(mode);
    expect(await make(join(path, 'd'), { mode })).toBe(join(path, 'd'));
    expect(await make(path, { mode })).toBeUndefined();
    expect(await make('/', { mode })).toBeUndefined();
  });

  it('may lie behind a symlink', async () => {
    symlinkSync('.', join(root, 'link'));
    expect(await make(join(root, 'link'), { mode })).toBeUndefined();
    expect(await make(join(root, 'link', 'a'), { mode })).toBe(join(root, 'link', 'a'));
  });

  it('are not made where a file is, nor behind a symlink to nothing', async () => {
    writeFileSync(join(root, 'file'), '');
    symlinkSync('nowhere', join(root, 'dangling'));
    await expect(make(join(root, 'file'), { mode })).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(make(join(root, 'file', 'a'), { mode })).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
    await expect(make(join(root, 'dangling'), { mode })).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it.runIf(process.platform === 'linux')(
    'are not tried for ever where a file system has no room for them',
    async () => {
      await expect(make('/proc/longshore/a', { mode })).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );
});
