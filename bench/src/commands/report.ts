import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ReportOptions } from '../arguments.ts';
import { PROJECT_ROOT } from '../project.ts';
import { htmlPage } from '../report/html-page.ts';
import { fillPage } from '../report/page-tables.ts';
import { loadResults } from '../result-files.ts';
import { SCENARIOS } from '../scenarios/all-scenarios.ts';
import type { BenchResult } from '../result.ts';
import type { Output } from './run.ts';

/** Writes the tables of pages anew from the results; with `check` it only says whether they are up to date. */
export function reportCommand(options: ReportOptions, { print }: Output): number {
  const folder = resolve(PROJECT_ROOT, options.results);
  const results = inOrder(loadResults(folder));
  let stale = 0;
  for (const page of options.pages) {
    const path = resolve(PROJECT_ROOT, page);
    if (!existsSync(path)) {
      print(`${page}: there is no such page\n`);
      continue;
    }
    const before = readFileSync(path, 'utf8');
    const after = fillPage(before, results);
    if (before === after) continue;
    stale += 1;
    if (!options.check) writeFileSync(path, after);
    print(`${page}: ${options.check ? 'not what the results say' : 'written'}\n`);
  }
  if (options.check) return stale === 0 ? 0 : 1;
  const html = resolve(PROJECT_ROOT, options.html ?? join(options.results, 'index.html'));
  if (results.length > 0 || options.html !== undefined) {
    writeFileSync(html, htmlPage(results));
    print(`${html}: ${results.length} results\n`);
  }
  return 0;
}

/** As the scenarios are listed; what is not a scenario any more comes last. */
function inOrder(results: readonly BenchResult[]): readonly BenchResult[] {
  const rank = new Map(SCENARIOS.map(({ id }, index) => [id, index]));
  const rankOf = ({ scenario }: BenchResult): number => rank.get(scenario) ?? SCENARIOS.length;
  return results.toSorted((a, b) => rankOf(a) - rankOf(b));
}
