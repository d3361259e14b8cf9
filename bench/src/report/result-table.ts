import {
  compare,
  meetsGoal,
  summaryOf,
  type BenchResult,
  type ResultRow,
  type SubjectSamples,
} from '../result.ts';
import type { Summary } from '../statistics.ts';
import type { Table } from '../table.ts';
import { formatBytes, formatCount, formatRate, formatRatio, formatSeconds } from '../units.ts';

const RIGHT = 'right';

/** Everything about one result, for the terminal. */
export function resultTable({ rows }: BenchResult): Table {
  const cells = rows.flatMap((row) =>
    row.subjects.map((subject) => [
      row.name,
      subject.subject,
      spread(summaryOf(subject), (value) => formatValue(row, value)),
      median(
        summaryOf(subject, ({ cpuSeconds }) => cpuSeconds),
        formatSeconds,
      ),
      median(
        summaryOf(subject, ({ peakBytes }) => peakBytes),
        formatBytes,
      ),
      subject.requests === undefined ? '' : formatCount(subject.requests),
      sentAndReceived(subject),
      subject.repositoryBytes === undefined ? '' : formatBytes(subject.repositoryBytes),
      ratioCell(row, subject),
      closeness(row, subject),
    ]),
  );
  return withoutEmptyColumns({
    columns: [
      { name: 'what' },
      { name: 'program' },
      { name: 'median (quartiles)', align: RIGHT },
      { name: 'CPU', align: RIGHT },
      { name: 'peak', align: RIGHT },
      { name: 'requests', align: RIGHT },
      { name: 'sent / received', align: RIGHT },
      { name: 'stored', align: RIGHT },
      { name: 'ours / theirs', align: RIGHT },
      { name: 'of the limit', align: RIGHT },
    ],
    rows: cells,
  });
}

/** Ratios of all results against one program, for pages. */
export function ratioTable(
  results: readonly BenchResult[],
  against: 'kopia' | 'restic' | 'rustic',
): Table {
  const rows = results.flatMap((result) =>
    result.rows.flatMap((row) => {
      const comparison = compare(row, against);
      if (comparison?.value === undefined) return [];
      const ours = row.subjects.find(({ subject }) => subject === 'longshore')!;
      const theirs = row.subjects.find(({ subject }) => subject === against)!;
      return [
        [
          result.rows.length === 1 ? result.title : `${result.title}: ${row.name}`,
          median(summaryOf(ours), (value) => formatValue(row, value)),
          median(summaryOf(theirs), (value) => formatValue(row, value)),
          spread(comparison.value, formatRatio),
          against === 'kopia' ? goalCell(row) : '',
          median(comparison.cpu, formatRatio),
          median(
            summaryOf(ours, ({ peakBytes }) => peakBytes),
            formatBytes,
          ),
          median(
            summaryOf(theirs, ({ peakBytes }) => peakBytes),
            formatBytes,
          ),
        ],
      ];
    }),
  );
  return withoutEmptyColumns({
    columns: [
      { name: 'scenario' },
      { name: 'longshore', align: RIGHT },
      { name: against, align: RIGHT },
      { name: 'ratio (quartiles)', align: RIGHT },
      { name: 'goal', align: RIGHT },
      { name: 'CPU ratio', align: RIGHT },
      { name: 'peak, longshore', align: RIGHT },
      { name: `peak, ${against}`, align: RIGHT },
    ],
    rows,
  });
}

/** How close each scenario is to what the machine can do. */
export function limitTable(results: readonly BenchResult[]): Table {
  const rows = results.flatMap((result) =>
    result.rows.flatMap((row) => {
      const ours = row.subjects.find(({ subject }) => subject === 'longshore');
      const median = ours && summaryOf(ours)?.median;
      if (row.limit === undefined || median === undefined) return [];
      const slowest = row.limit.parts.find(({ resource }) => resource === row.limit?.resource);
      return [
        [
          result.title,
          formatSeconds(row.limit.seconds),
          `${row.limit.resource}: ${slowest?.reason ?? ''}`,
          formatSeconds(median),
          `${Math.round((100 * row.limit.seconds) / median)} %`,
        ],
      ];
    }),
  );
  return {
    columns: [
      { name: 'scenario' },
      { name: 'limit', align: RIGHT },
      { name: 'set by' },
      { name: 'longshore', align: RIGHT },
      { name: 'reached', align: RIGHT },
    ],
    rows,
  };
}

export function budgetTable(results: readonly BenchResult[]): Table {
  return {
    columns: [
      { name: 'budget' },
      { name: 'limit', align: RIGHT },
      { name: 'measured', align: RIGHT },
      { name: 'holds' },
    ],
    rows: results.flatMap(({ budgets }) =>
      budgets.map(({ what, limit, actual }) => [
        what,
        formatBytes(limit),
        formatBytes(actual),
        actual <= limit ? 'yes' : 'NO',
      ]),
    ),
  };
}

export function formatValue({ unit }: Pick<ResultRow, 'unit'>, value: number): string {
  return unit === 's' ? formatSeconds(value) : formatRate(value);
}

function spread(summary: Summary | undefined, format: (value: number) => string): string {
  if (summary === undefined) return '';
  if (summary.count === 1) return format(summary.median);
  return `${format(summary.median)} (${format(summary.low)}-${format(summary.high)})`;
}

function median(summary: Summary | undefined, format: (value: number) => string): string {
  return summary === undefined ? '' : format(summary.median);
}

function sentAndReceived({ bytesSent, bytesReceived }: SubjectSamples): string {
  if (bytesSent === undefined || bytesReceived === undefined) return '';
  return `${formatBytes(bytesSent)} / ${formatBytes(bytesReceived)}`;
}

function ratioCell(row: ResultRow, { subject }: SubjectSamples): string {
  if (subject === 'longshore') return '';
  const text = spread(compare(row, subject)?.value, formatRatio);
  const met = subject === 'kopia' ? meetsGoal(row) : undefined;
  return met === undefined ? text : `${text} ${met ? 'meets' : 'misses'} ${row.goal}`;
}

function goalCell(row: ResultRow): string {
  const met = meetsGoal(row);
  if (met === undefined) return '';
  return `${row.unit === 's' ? '<=' : '>='} ${row.goal}${met ? '' : ' missed'}`;
}

function closeness({ limit }: ResultRow, subject: SubjectSamples): string {
  const taken = summaryOf(subject)?.median;
  if (limit === undefined || taken === undefined) return '';
  return `${Math.round((100 * limit.seconds) / taken)} % (${limit.resource})`;
}

function withoutEmptyColumns({ columns, rows }: Table): Table {
  const kept = columns.flatMap((_, index) =>
    rows.some((row) => (row[index] ?? '') !== '') ? [index] : [],
  );
  return {
    columns: kept.map((index) => columns[index]!),
    rows: rows.map((row) => kept.map((index) => row[index] ?? '')),
  };
}
