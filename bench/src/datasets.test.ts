import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDataset } from './dataset-files.ts';
import { planEdits, planFiles } from './dataset-plan.ts';
import { DATASETS, scaleDataset, type DatasetName } from './datasets.ts';
import { digestTree } from './tree-digest.ts';

let cache: string;
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), 'longshore-bench-'));
});
afterAll(() => rmSync(cache, { recursive: true, force: true }));

const names = Object.keys(DATASETS) as DatasetName[];

describe('plans of data sets', () => {
  it.each(names)('draws the same files of %s each time', (name) => {
    const dataset = scaleDataset(DATASETS[name], 0.001);
    expect(planFiles(dataset)).toEqual(planFiles(dataset));
  });

  it('has the counts and sizes that it says', () => {
    const files = planFiles(DATASETS['small-files']);
    expect(files).toHaveLength(20_000);
    const sizes = files.map(({ size }) => size);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1024);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
    expect(new Set(files.map(({ path }) => path)).size).toBe(20_000);
  });

  it('makes three tenths of a mixed tree duplicates, by bytes', () => {
    const files = planFiles(DATASETS.mixed);
    const total = files.reduce((sum, { size }) => sum + size, 0);
    const unique = new Map(files.map((file) => [`${file.seed}/${file.size}`, file.size]));
    const uniqueBytes = [...unique.values()].reduce((sum, size) => sum + size, 0);
    expect(total).toBe(2e9);
    expect(1 - uniqueBytes / total).toBeGreaterThan(0.27);
    expect(1 - uniqueBytes / total).toBeLessThan(0.33);
  });

  it('scales counts of files and bytes of big ones', () => {
    expect(planFiles(scaleDataset(DATASETS['tiny-files'], 0.01))).toHaveLength(2000);
    expect(planFiles(scaleDataset(DATASETS['big-file'], 0.01))[0]?.size).toBe(1e7);
    expect(planFiles(scaleDataset(DATASETS['big-file'], 0))[0]?.size).toBe(65_536);
  });

  it('edits big files in ascending places that do not overlap', () => {
    const files = planFiles(DATASETS['big-file']);
    const edits = planEdits(DATASETS['big-file'], files).edited.get('big.bin')!;
    expect(edits.length).toBeGreaterThan(10);
    let end = 0;
    for (const { offset, removed } of edits) {
      expect(offset).toBeGreaterThanOrEqual(end);
      end = offset + removed;
    }
    expect(end).toBeLessThanOrEqual(1e9);
  });
});

describe('data sets on disk', () => {
  it('have the bytes that their seed says, whoever writes them', () => {
    const options = { cache, scale: 0.001 };
    const digests = names.map((name) => [
      name,
      digestTree(makeDataset(DATASETS[name], options).tree).digest.slice(0, 16),
    ]);
    expect(Object.fromEntries(digests)).toMatchInlineSnapshot(`
      {
        "big-file": "7968c40f6ab12dcc",
        "disk-image": "c8a0f5417d86edda",
        "huge-file": "ab48bb261d4ebc8d",
        "many-folders": "38fe1bda6bd027ba",
        "mixed": "fb3dfb59bf218ad9",
        "small-files": "5cea313575731f63",
        "tiny-files": "c6036a0cd7348ad2",
      }
    `);
  });

  it('are not written again when they are there', () => {
    const { tree } = makeDataset(DATASETS['big-file'], { cache, scale: 0.001 });
    const before = statSync(join(tree, 'big.bin'), { bigint: true }).ctimeNs;
    makeDataset(DATASETS['big-file'], { cache, scale: 0.001 });
    expect(statSync(join(tree, 'big.bin'), { bigint: true }).ctimeNs).toBe(before);
  });

  it('change in some files only, and keep the times of all others', () => {
    const base = makeDataset(DATASETS['small-files'], { cache, scale: 0.02 });
    const edited = makeDataset(DATASETS['small-files'], { cache, scale: 0.02, state: 'edited' });
    expect(digestTree(edited.tree).digest).not.toBe(digestTree(base.tree).digest);
    expect(edited.changedBytes).toBeGreaterThan(0);
    expect(edited.changedBytes).toBeLessThan(base.bytes / 10);
    const { edited: changed, deleted } = planEdits(
      scaleDataset(DATASETS['small-files'], 0.02),
      planFiles(scaleDataset(DATASETS['small-files'], 0.02)),
    );
    const kept = planFiles(scaleDataset(DATASETS['small-files'], 0.02)).find(
      ({ path }) => !changed.has(path) && !deleted.has(path),
    )!;
    const times = [base, edited].map(({ tree }) => statSync(join(tree, kept.path)).mtimeMs);
    expect(times[0]).toBe(times[1]);
  });
});

describe('the digest of a tree', () => {
  it('sees bytes, times and permissions', () => {
    const folder = mkdtempSync(join(cache, 'digest-'));
    const path = join(folder, 'a');
    const seen = new Set<string>();
    writeFileSync(path, 'one');
    utimesSync(path, 1000, 1000);
    seen.add(digestTree(folder).digest);
    writeFileSync(path, 'two');
    utimesSync(path, 1000, 1000);
    seen.add(digestTree(folder).digest);
    utimesSync(path, 2000, 2000);
    seen.add(digestTree(folder).digest);
    utimesSync(folder, 2000, 2000);
    expect(seen.has(digestTree(folder).digest)).toBe(true);
    expect(seen.size).toBe(3);
  });
});
