import { compare, type BenchResult } from '../result.ts';
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
  const subjects = results.flatMap(({ rows }) => rows.flatMap((row) => row.subjects));
  // How it was called, as a command or a library, stands behind the version.
  const versions = new Set(
    subjects.map(({ subject, version }) => `${subject} ${version.replace(/ \([^)]*\)$/, '')}`),
  );
  const days = [...new Set(results.map(({ startedAt }) => startedAt.slice(0, 10)))].toSorted();
  return [
    `${cpu}, ${cores} cores, ${formatBytes(memoryBytes)} of memory, ${system}, Node ${node};`,
    `${[...versions].toSorted().join(', ')}; ${range(days, ' to ')}.`,
    commitText(results),
    turnText(results),
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

function commitText(results: readonly BenchResult[]): string {
  const commits = [...new Set(results.map(({ commit }) => commit))];
  const changed = commits.some((commit) => commit.endsWith('+'))
    ? ' (+: with changes that were not committed)'
    : '';
  return `Each scenario was measured at one commit of ${commits.join(', ')}${changed}.`;
}

/** How the numbers of the tables of two programs come about; empty if there are none. */
function turnText(results: readonly BenchResult[]): string {
  const compared = results.flatMap(({ rows }) =>
    rows.filter((row) => PEERS.some((peer) => compare(row, peer)?.value !== undefined)),
  );
  if (compared.length === 0) return '';
  const turns = compared
    .flatMap(({ subjects }) => subjects.map(({ samples }) => samples.length))
    .toSorted((x, y) => x - y);
  return (
    `Times and peaks are medians of ${range([...new Set(turns)], ' to ')} turns, warm page cache. A turn runs both programs, one after ` +
    'the other, and a ratio is the median of the ratios of the turns: it need not be the ratio of the two medians.'
  );
}

function range(sorted: readonly (string | number)[], between: string): string {
  const ends = sorted.length > 1 ? [sorted[0], sorted.at(-1)] : sorted;
  return ends.join(between);
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
