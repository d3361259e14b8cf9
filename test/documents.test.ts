import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from './markdown.ts';

function read(path: string): string {
  return readFileSync(join(PROJECT_ROOT, path), 'utf8');
}

it('explains every error code, and no other', () => {
  const [, union] = /export type ErrorCode =([^;]+);/.exec(read('packages/repo/src/errors.ts'))!;
  const codes = Array.from(union!.matchAll(/'(\w+)'/g), ([, code]) => code);
  const explained = Array.from(
    read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \|/gm),
    ([, code]) => code,
  );
  expect(explained).toEqual(codes);
});

it('has every page of the formats that the code refers to', () => {
  const pages = new Set(globSync('docs/**/*.md', { cwd: PROJECT_ROOT }));
  const sources = globSync('{packages/*/src,packages/*/kernels,test,bench,tools}/**/*.ts', {
    cwd: PROJECT_ROOT,
  });
  const missing = sources.flatMap((source) =>
    Array.from(read(source).matchAll(/docs\/[a-z/-]+\.md/g), ([page]) => page)
      .filter((page) => !pages.has(page))
      .map((page) => `${source}: ${page}`),
  );
  expect(sources.length).toBeGreaterThan(100);
  expect(missing).toEqual([]);
});

it('lists every page of the formats', () => {
  const index = read('docs/format/README.md');
  const unlisted = globSync('*.md', { cwd: join(PROJECT_ROOT, 'docs/format') }).filter(
    (page) => page !== 'README.md' && !index.includes(`](${page})`),
  );
  expect(unlisted).toEqual([]);
});

it('names in the memory table only limits that the code has', () => {
  const [, table] = /## Memory\n([^]*?)\n## /.exec(read('ARCHITECTURE.md'))!;
  const rows = Array.from(table!.matchAll(/^\| (?!part|---)(.+) \|$/gm), ([, row]) =>
    row!.split(' | '),
  );
  expect(rows.length).toBeGreaterThan(8);
  const missing = rows.flatMap(([part, bytes, files]) => {
    const code = Array.from(files!.matchAll(/`([\w-]+\.ts)`/g), ([, file]) =>
      globSync(`packages/*/src/**/${file}`, { cwd: PROJECT_ROOT }).map(read).join(''),
    ).join('');
    return Array.from(bytes!.matchAll(/`(\w+)`/g), ([, name]) => name!)
      .filter((name) => !code.includes(name))
      .map((name) => `${part}: ${name}`);
  });
  expect(missing).toEqual([]);
});
