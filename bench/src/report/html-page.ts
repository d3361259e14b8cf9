import { compare, summaryOf, type BenchResult, type ResultRow, type Sample } from '../result.ts';
import type { Table } from '../table.ts';
import { formatBytes, formatRatio, formatSeconds } from '../units.ts';
import { budgetTable, formatValue, limitTable, resultTable } from './result-table.ts';

const STYLE = `
:root { color-scheme: light dark; --ours: #2563a8; --kopia: #c2571a; --restic: #4c8c3f; --rustic: #8a4fa3; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
.right { text-align: right; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
.longshore { fill: var(--ours); } .kopia { fill: var(--kopia); } .restic { fill: var(--restic); } .rustic { fill: var(--rustic); }
.rule { stroke: currentColor; stroke-width: 1; } .limit { stroke: currentColor; stroke-dasharray: 4 3; }
.faint { opacity: 0.65; }
`;

/** One page with all results and their plots; it needs no other file and no network. */
export function htmlPage(results: readonly BenchResult[]): string {
  const body = [
    '<h1>longshore bench</h1>',
    machineHTML(results[0]),
    ratioPlot(results),
    ...results.map(resultHTML),
    '<h2>Limits of the machine</h2>',
    tableHTML(limitTable(results)),
    results.some(({ budgets }) => budgets.length > 0)
      ? `<h2>Budgets</h2>${tableHTML(budgetTable(results))}`
      : '',
  ];
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>longshore bench</title><style>${STYLE}</style></head>`,
    `<body>${body.join('\n')}</body></html>\n`,
  ].join('\n');
}

/** Everything that comes from results may hold any character. */
export function escapeHTML(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function machineHTML(result: BenchResult | undefined): string {
  if (result === undefined) return '<p>No results.</p>';
  const { cpu, cores, memoryBytes, system, node } = result.machine;
  const text = `${cpu}, ${cores} cores, ${formatBytes(memoryBytes)}, ${system}, Node ${node}`;
  return `<p class="faint">${escapeHTML(text)}</p>`;
}

function resultHTML(result: BenchResult): string {
  const { scenario, title, commit, startedAt, dataset, proofs, notes, rows } = result;
  const about = [
    `commit ${commit}`,
    startedAt,
    ...(dataset === undefined
      ? []
      : [`${dataset.files} files, ${formatBytes(dataset.bytes)}, ${dataset.key}`]),
  ].join(' · ');
  const list = (items: readonly string[], heading: string): string =>
    items.length === 0
      ? ''
      : `<p>${heading}</p><ul>${items.map((item) => `<li>${escapeHTML(item)}</li>`).join('')}</ul>`;
  return [
    `<h2 id="${escapeHTML(scenario)}">${escapeHTML(title)}</h2>`,
    `<p class="faint">${escapeHTML(about)}</p>`,
    ...rows.map(samplesPlot),
    tableHTML(resultTable(result)),
    list(proofs, 'Shown equal before timing:'),
    list(notes, 'Notes:'),
  ].join('\n');
}

function tableHTML({ columns, rows }: Table): string {
  const cells = (row: readonly string[], tag: 'td' | 'th'): string =>
    columns
      .map(({ align }, index) => {
        const side = align === 'right' ? ' class="right"' : '';
        return `<${tag}${side}>${escapeHTML(row[index] ?? '')}</${tag}>`;
      })
      .join('');
  const head = `<tr>${cells(
    columns.map(({ name }) => name),
    'th',
  )}</tr>`;
  return `<table>${head}${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')}</table>`;
}

const WIDTH = 900;
const LABEL_WIDTH = 330;
const ROW_HEIGHT = 24;
const VALUE_WIDTH = 110;
const PLOT_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;

/** Medians as bars, each run as a dot, quartiles as a line, the limit of the machine dashed. */
function samplesPlot(row: ResultRow): string {
  const summaries = row.subjects.flatMap((subject) => {
    const summary = summaryOf(subject);
    return summary === undefined ? [] : [{ subject, summary }];
  });
  if (summaries.length === 0) return '';
  const values = row.subjects.flatMap(({ samples }) => samples.map(({ value }) => value));
  const largest = Math.max(...values, row.limit?.seconds ?? 0);
  const x = (value: number): number => LABEL_WIDTH + (value / largest) * PLOT_WIDTH;
  const bars = summaries.map(({ subject, summary }, index) => {
    const y = index * ROW_HEIGHT + 4;
    const middle = y + 8;
    return [
      label(`${row.name}, ${subject.subject}`, middle),
      `<rect class="${subject.subject}" x="${LABEL_WIDTH}" y="${y}" height="16" width="${round(x(summary.median) - LABEL_WIDTH)}" opacity="0.55"/>`,
      `<line class="rule" x1="${round(x(summary.low))}" x2="${round(x(summary.high))}" y1="${middle}" y2="${middle}"/>`,
      ...subject.samples.map((sample) => dot(subject.subject, x(sample.value), middle, sample)),
      value(formatValue(row, summary.median), middle),
    ].join('');
  });
  const height = summaries.length * ROW_HEIGHT + 4;
  const limit =
    row.limit === undefined || row.unit !== 's'
      ? ''
      : `<line class="limit" x1="${round(x(row.limit.seconds))}" x2="${round(x(row.limit.seconds))}" y1="0" y2="${height}"><title>limit of the machine: ${escapeHTML(row.limit.resource)}, ${formatSeconds(row.limit.seconds)}</title></line>`;
  return svg(height, bars.join('') + limit);
}

/** Ours divided by Kopia's, for all scenarios that measure time. */
function ratioPlot(results: readonly BenchResult[]): string {
  const ratios = results.flatMap((result) =>
    result.rows.flatMap((row) => {
      const ratio = row.unit === 's' ? compare(row, 'kopia')?.value : undefined;
      return ratio === undefined ? [] : [{ id: result.scenario, ratio, goal: row.goal }];
    }),
  );
  if (ratios.length === 0) return '';
  const largest = Math.max(1.1, ...ratios.map(({ ratio }) => ratio.high));
  const x = (ratio: number): number => LABEL_WIDTH + (ratio / largest) * PLOT_WIDTH;
  const height = ratios.length * ROW_HEIGHT + 4;
  const bars = ratios.map(({ id, ratio, goal }, index) => {
    const y = index * ROW_HEIGHT + 4;
    const middle = y + 8;
    return [
      label(id, middle),
      `<rect class="${ratio.median <= 1 ? 'longshore' : 'kopia'}" x="${LABEL_WIDTH}" y="${y}" height="16" width="${round(x(ratio.median) - LABEL_WIDTH)}" opacity="0.55"/>`,
      `<line class="rule" x1="${round(x(ratio.low))}" x2="${round(x(ratio.high))}" y1="${middle}" y2="${middle}"/>`,
      goal === undefined
        ? ''
        : `<line class="limit" x1="${round(x(goal))}" x2="${round(x(goal))}" y1="${y - 2}" y2="${y + 18}"><title>goal ${goal}</title></line>`,
      value(formatRatio(ratio.median), middle),
    ].join('');
  });
  const one = `<line class="rule" x1="${round(x(1))}" x2="${round(x(1))}" y1="0" y2="${height}"/>`;
  return `<h2>Wall time, longshore / Kopia</h2>${svg(height, bars.join('') + one)}`;
}

function svg(height: number, content: string): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${content}</svg>`;
}

function label(text: string, middle: number): string {
  return `<text x="${LABEL_WIDTH - 8}" y="${middle + 4}" text-anchor="end">${escapeHTML(text)}</text>`;
}

function value(text: string, middle: number): string {
  return `<text x="${WIDTH - 4}" y="${middle + 4}" text-anchor="end">${escapeHTML(text)}</text>`;
}

function dot(subject: string, x: number, y: number, { cpuSeconds, peakBytes }: Sample): string {
  const about = [
    ...(cpuSeconds === undefined ? [] : [`CPU ${formatSeconds(cpuSeconds)}`]),
    ...(peakBytes === undefined ? [] : [`peak ${formatBytes(peakBytes)}`]),
  ].join(', ');
  return `<circle class="${subject}" cx="${round(x)}" cy="${y}" r="3.5"><title>${about}</title></circle>`;
}

function round(value: number): string {
  return value.toFixed(1);
}
