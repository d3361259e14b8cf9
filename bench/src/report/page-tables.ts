import type { BenchResult } from '../result.ts';
import { markdownTable } from '../table.ts';
import { formatBytes } from '../units.ts';
import { budgetTable, limitTable, ratioTable } from './result-table.ts';

const PEERS = ['kopia', 'restic', 'rustic'] as const;

/** A page asks for one of these between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`. */
const TABLE_NAMES = [
  'kopia',
  'restic',
  'rustic',
  'kernels',
  'limits',
  'budgets',
  'machine',
] as const;
export type TableName = (typeof TABLE_NAMES)[number];

/** The text between two markers. */
function pageTable(name: TableName, results: readonly BenchResult[]): string {
  const kernels = results.filter(({ group }) => group === 'kernels');
  const programs = results.filter(({ group }) => group !== 'kernels');
  switch (name) {
    case 'kopia':
    case 'restic':
    case 'rustic':
      return orNothing(
        ratioTable(
          programs,
          PEERS.find((peer) => peer === name)!,
        ),
      );
    case 'kernels':
      return orNothing(ratioTable(kernels, 'kopia'));
    case 'limits':
      return orNothing(limitTable(results));
    case 'budgets':
      return orNothing(budgetTable(results));
    case 'machine':
      return machineText(results);
    default:
      return name satisfies never;
  }
}

function orNothing(table: Parameters<typeof markdownTable>[0]): string {
  return table.rows.length === 0 ? 'Not measured yet.' : markdownTable(table);
}

function machineText(results: readonly BenchResult[]): string {
  const [first] = results;
  if (first === undefined) return 'Not measured yet.';
  const { cpu, cores, memoryBytes, system, node } = first.machine;
  const versions = new Set(
    results.flatMap(({ rows }) =>
      rows.flatMap(({ subjects }) =>
        subjects.map(({ subject, version }) => `${subject} ${version}`),
      ),
    ),
  );
  const commits = [...new Set(results.map(({ commit }) => commit))].join(', ');
  const days = results.map(({ startedAt }) => startedAt.slice(0, 10)).toSorted();
  return (
    `${cpu}, ${cores} cores, ${formatBytes(memoryBytes)} of memory, ${system}, Node ${node}; ` +
    `${[...versions].toSorted().join(', ')}; commit ${commits}; ${days[0]} to ${days.at(-1)}. ` +
    `Medians of ${fewestTurns(results)} turns or more, warm page cache.`
  );
}

function fewestTurns(results: readonly BenchResult[]): number {
  const turns = results.flatMap(({ rows }) =>
    rows.flatMap(({ subjects }) => subjects.map(({ samples }) => samples.length)),
  );
  return Math.min(...turns);
}

const MARKED = /(<!-- bench:([a-z]+) -->\n)[\s\S]*?(<!-- \/bench:\2 -->)/g;

/** The page with each marked part replaced. An unknown name, or a marker without its end, is an Error. */
export function fillPage(page: string, results: readonly BenchResult[]): string {
  const opened = page.match(/<!-- bench:[a-z]+ -->/g)?.length ?? 0;
  let filled = 0;
  const text = page.replaceAll(MARKED, (_all, start: string, name: string, end: string) => {
    const known = TABLE_NAMES.find((one) => one === name);
    if (known === undefined) throw new Error(`bench:${name}: one of ${TABLE_NAMES.join(', ')}`);
    filled += 1;
    return `${start}${pageTable(known, results)}\n${end}`;
  });
  if (filled !== opened) throw new Error('a bench marker has no end');
  return text;
}
