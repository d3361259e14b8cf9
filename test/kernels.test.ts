import { readdirSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileKernels, KERNEL_PACKAGES } from '../tools/build-kernels.ts';

describe.each(KERNEL_PACKAGES)('kernels of packages/%s', (packageName) => {
  it('are committed exactly as their sources compile', async () => {
    const modules = await compileKernels(packageName);
    expect(modules.length).toBeGreaterThan(0);
    for (const { path, text } of modules) {
      expect(readFileSync(path, 'utf8') === text, `${path} is stale: run pnpm kernels`).toBe(true);
    }
  });

  it('have no committed module without a source', async () => {
    const modules = await compileKernels(packageName);
    const folder = resolve(import.meta.dirname, '../packages', packageName, 'src/kernels');
    const committed = readdirSync(folder).filter((file) => file.endsWith('.wasm.ts'));
    expect(committed.toSorted()).toEqual(modules.map(({ path }) => basename(path)).toSorted());
  });
});
