import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isDone, loadResults, saveResult } from './result-files.ts';
import { compare, isOverBudget, meetsGoal, parseResult, summaryOf } from './result.ts';
import { sampleResult, sampleRow } from './sample-result.ts';

describe('results', () => {
  it('compare programs pair by pair in wall time, processor time and memory', () => {
    const { value, cpu, peak } = compare(sampleRow(), 'kopia')!;
    expect([value?.median, cpu?.median, peak?.median]).toEqual([0.5, 0.75, 2]);
    expect(compare(sampleRow(), 'restic')).toBeUndefined();
  });

  it('meet a goal from below in seconds and from above in rates', () => {
    expect(meetsGoal({ ...sampleRow(), goal: 0.55 })).toBe(true);
    expect(meetsGoal({ ...sampleRow(), goal: 0.45 })).toBe(false);
    expect(meetsGoal({ ...sampleRow(), unit: 'B/s', goal: 0.55 })).toBe(false);
    expect(meetsGoal({ ...sampleRow(), unit: 'B/s', goal: 0.45 })).toBe(true);
    expect(meetsGoal(sampleRow())).toBeUndefined();
  });

  it('summarize what was measured and leave out what was not', () => {
    const [ours] = sampleRow().subjects;
    expect(summaryOf(ours!)?.median).toBe(2);
    expect(summaryOf({ ...ours!, samples: [{ value: 1 }] }, (s) => s.peakBytes)).toBeUndefined();
  });

  it('are over budget only above the limit', () => {
    const budget = { what: 'memory', limit: 10, actual: 10, unit: 'B' } as const;
    expect(isOverBudget(budget)).toBe(false);
    expect(isOverBudget({ ...budget, actual: 11 })).toBe(true);
  });

  it('are refused if they are of another schema or lack a part', () => {
    const text = JSON.stringify(sampleResult());
    expect(parseResult(text, 'a.json')).toEqual(sampleResult());
    expect(() => parseResult(text.replace('"schema":1', '"schema":2'), 'a.json')).toThrow(
      'schema 1',
    );
    expect(() => parseResult('{"schema":1}', 'a.json')).toThrow('a.json: scenario is missing');
  });
});

describe('the folder of results', () => {
  let folder: string;
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives back what was saved', () => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-results-'));
    saveResult(folder, sampleResult());
    expect(loadResults(folder)).toEqual([sampleResult()]);
    expect(loadResults(join(folder, 'none'))).toEqual([]);
  });

  it('counts a scenario as done only with the same commit, scale, programs and enough pairs', () => {
    folder = '';
    const results = [sampleResult()];
    const wanted = { commit: 'abc', scale: 1, pairs: 3, against: ['kopia'] };
    expect(isDone(results, 'first-mixed', wanted)).toBe(true);
    expect(isDone(results, 'first-big', wanted)).toBe(false);
    expect(isDone(results, 'first-mixed', { ...wanted, commit: 'def' })).toBe(false);
    expect(isDone(results, 'first-mixed', { ...wanted, scale: 0.5 })).toBe(false);
    expect(isDone(results, 'first-mixed', { ...wanted, pairs: 5 })).toBe(false);
    expect(isDone(results, 'first-mixed', { ...wanted, against: ['restic'] })).toBe(false);
  });
});
