import { describe, expect, it } from 'vitest';
import type { BenchResult } from '../result.ts';
import { sampleResult, sampleRow } from '../sample-result.ts';
import { markdownTable, textTable } from '../table.ts';
import { escapeHTML, htmlPage } from './html-page.ts';
import { fillPage } from './page-tables.ts';
import { ratioTable, resultTable } from './result-table.ts';

const table = {
  columns: [{ name: 'name' }, { name: 'value', align: 'right' }],
  rows: [
    ['a', '1'],
    ['long|er', '100'],
  ],
} as const;

describe('tables', () => {
  it('align columns for a terminal', () => {
    expect(textTable(table)).toBe(
      ['name     value', '-------  -----', 'a            1', 'long|er    100'].join('\n'),
    );
  });

  it('escape what would end a cell on a page', () => {
    expect(markdownTable(table)).toBe(
      ['| name | value |', '|---|---:|', '| a | 1 |', '| long\\|er | 100 |'].join('\n'),
    );
  });

  it('show medians, spread, ratio, goal and how close to the limit of the machine a result is', () => {
    const result = { ...sampleResult(), rows: [{ ...sampleRow(), goal: 0.55 }] };
    expect(textTable(resultTable(result))).toMatchInlineSnapshot(`
      "what       program        median (quartiles)     CPU    peak   stored                ours / theirs  of the limit
      ---------  ---------  ----------------------  ------  ------  -------  ---------------------------  ------------
      wall time  longshore  2.00 s (1.50 s-3.00 s)  6.00 s  400 MB  1.40 GB                                25 % (hash)
      wall time  kopia      4.00 s (3.00 s-6.00 s)  8.00 s  200 MB  1.41 GB  0.50 (0.50-0.50) meets 0.55   13 % (hash)"
    `);
  });

  it('compare all results with one program, and leave out those without it', () => {
    const rows = ratioTable([sampleResult()], 'kopia').rows;
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain('0.50 (0.50-0.50)');
    expect(ratioTable([sampleResult()], 'restic').rows).toEqual([]);
  });
});

describe('pages', () => {
  const page = 'before\n<!-- bench:kopia -->\nold\n<!-- /bench:kopia -->\nafter\n';

  it('get new tables between their markers and keep everything else', () => {
    const filled = fillPage(page, [sampleResult()]);
    expect(filled).toMatch(/^before\n<!-- bench:kopia -->\n\| scenario \|/);
    expect(filled).toMatch(/\n<!-- \/bench:kopia -->\nafter\n$/);
    expect(filled).not.toContain('old');
    expect(fillPage(filled, [sampleResult()])).toBe(filled);
  });

  it('say on what, of what and how often was measured, each thing once', () => {
    const one = sampleResult();
    const inLibrary = one.rows[0]!.subjects[0]!;
    const [sample] = inLibrary.samples;
    const alone: BenchResult = {
      ...one,
      commit: 'abc+',
      rows: [
        {
          ...one.rows[0]!,
          subjects: [{ ...inLibrary, version: '0.1.0 (library)', samples: [sample!] }],
        },
      ],
    };
    const text = fillPage('<!-- bench:machine -->\n<!-- /bench:machine -->\n', [one, alone]);
    expect(text.match(/longshore 0\.1\.0/g)).toHaveLength(1);
    expect(text).toContain(`one commit of ${one.commit}, abc+ (+: with changes that`);
    // What nothing is compared with has no part in the tables.
    expect(text).toContain(`medians of ${inLibrary.samples.length} turns`);
    expect(text).toContain('the median of the ratios of the turns');
  });

  it('say so where nothing was measured', () => {
    expect(fillPage(page, [])).toContain('Not measured yet.');
  });

  it('are refused with unknown or open markers', () => {
    expect(() => fillPage(page.replaceAll('kopia', 'other'), [])).toThrow('bench:other');
    expect(() => fillPage('<!-- bench:kopia -->\n', [])).toThrow('no end');
  });

  it('are left as they are without markers', () => {
    expect(fillPage('nothing', [sampleResult()])).toBe('nothing');
  });
});

describe('the HTML page', () => {
  it('holds its plots and needs nothing from elsewhere', () => {
    const html = htmlPage([sampleResult()]);
    expect(html).toContain('<svg');
    expect(html).toContain('limit of the machine: hash');
    expect(html).not.toMatch(/\b(?:src|href)=|url\(|@import|<script|https?:/);
  });

  it('has a dot for each run and a bar for each program', () => {
    const html = htmlPage([sampleResult()]);
    expect(html.match(/<circle/g)).toHaveLength(6);
    expect(html.match(/<rect/g)).toHaveLength(3);
  });

  it('escapes whatever results say', () => {
    const hostile: BenchResult = { ...sampleResult(), title: '<b onload="x">&' };
    expect(htmlPage([hostile])).toContain('&lt;b onload=&quot;x&quot;&gt;&amp;');
    expect(escapeHTML('a<b>')).toBe('a&lt;b&gt;');
  });

  it('is a page even without results', () => {
    expect(htmlPage([])).toContain('No results.');
  });
});
