import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeTree } from '../local-tree.ts';
import { createSeededTree } from '../trees.ts';
import type { ChildRequest } from './child-protocol.ts';
import { resultOf, runEngine, startEngine } from './start-engine.ts';

const IS_LARGE = process.env['LONGSHORE_LARGE'] === '1';
const MIB = 1024;

interface Usage {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

if (!IS_LARGE) console.warn('SKIPPED: 2 tests of trees of 100,000 files. Set LONGSHORE_LARGE=1.');

describe.skipIf(!IS_LARGE)('a tree of 100,000 files and one of a tenth', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-large-'));
  const small = { seed: 11, files: 10_000, totalBytes: 200_000_000 };
  const large = { seed: 12, files: 100_000, totalBytes: 2_000_000_000 };
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('come back identical, with the same peak memory', { timeout: 60 * 60_000 }, async () => {
    const ofSmall = await backUpAndRestore('small', small);
    const ofLarge = await backUpAndRestore('large', large);
    console.log(JSON.stringify({ small: ofSmall, large: ofLarge }, undefined, 2));
    for (const action of ['snapshot', 'again', 'verify', 'restore'] as const) {
      const growth = ofLarge[action].peakMiB - ofSmall[action].peakMiB;
      expect(growth, `MiB more for ${action}`).toBeLessThan(150);
    }
  });

  it(
    'come back identical where all files are in one directory',
    { timeout: 60 * 60_000 },
    async () => {
      const flat = {
        seed: 13,
        files: 40_000,
        totalBytes: 80_000_000,
        depth: 0,
        filesPerDirectory: 40_000,
      };
      const usage = await backUpAndRestore('flat', flat);
      console.log(JSON.stringify(usage, undefined, 2));
      expect(usage.snapshot.peakMiB).toBeLessThan(700);
    },
  );

  async function backUpAndRestore(
    name: string,
    options: Parameters<typeof createSeededTree>[1],
  ): Promise<Readonly<Record<'snapshot' | 'again' | 'verify' | 'restore', Usage>>> {
    const [tree, path, target] = ['tree', 'repo', 'restored'].map((part) =>
      join(folder, `${name}-${part}`),
    ) as [string, string, string];
    mkdirSync(path);
    createSeededTree(tree, { ...options, symlinks: 100, sparseFiles: 3 });
    const request = { location: { kind: 'filesystem', path }, threads: true } as const;
    await runEngine({ ...request, action: 'create' });
    const usage = {
      snapshot: await measured({ ...request, action: 'snapshot', tree }),
      again: await measured({ ...request, action: 'snapshot', tree }),
      verify: await measured({ ...request, action: 'verify' }),
      restore: await measured({ ...request, action: 'restore', tree: target }),
    };
    expect((await describeTree(target)).length).toBeGreaterThan(options.files);
    expect(await describeTree(target)).toEqual(await describeTree(tree));
    for (const each of [tree, path, target]) rmSync(each, { recursive: true });
    return usage;
  }
});

async function measured(request: ChildRequest): Promise<Usage> {
  const outcome = await startEngine(request).ended;
  expect(resultOf(outcome).errorCount ?? 0).toBe(0);
  const usage = outcome.messages.find((message) => message.type === 'usage');
  if (usage?.type !== 'usage') throw new Error('it did not say what it used');
  return {
    wallSeconds: Math.round(outcome.wallMilliseconds / 100) / 10,
    cpuSeconds: Math.round(usage.cpuMicroseconds / 100_000) / 10,
    peakMiB: Math.round(usage.maxRSSKiB / MIB),
  };
}
