import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from './context.ts';

it('removes its folder, and those of runs that are no more, but not those of others', () => {
  const parent = mkdtempSync(join(tmpdir(), 'longshore-context-'));
  try {
    // No process has a number so large.
    const stale = join(parent, 'longshore-bench-999999999-first');
    const alive = join(parent, `longshore-bench-${process.ppid}-first`);
    const foreign = join(parent, 'photos');
    for (const path of [stale, alive, foreign]) mkdirSync(path);
    let path: string;
    {
      using folder = temporaryFolder(parent, 'first');
      path = folder.path;
      expect(existsSync(path)).toBe(true);
    }
    expect([path, stale, alive, foreign].map((one) => existsSync(one))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
});
