import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseResult, type BenchResult } from './result.ts';

export function saveResult(folder: string, result: BenchResult): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${result.scenario}.json`);
  writeFileSync(`${path}.part`, `${JSON.stringify(result, undefined, 2)}\n`);
  renameSync(`${path}.part`, path);
  return path;
}

/** All results of a folder, by scenario; none if there is no such folder. */
export function loadResults(folder: string): readonly BenchResult[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => parseResult(readFileSync(join(folder, name), 'utf8'), name));
}

/** What makes an earlier result good enough: a run that was broken off goes on behind it. */
export interface WantedRun {
  readonly commit: string;
  readonly scale: number;
  readonly pairs: number;
  readonly against: readonly string[];
}

/** A result of this commit with as many pairs, at this scale, against the same programs. */
export function isDone(
  results: readonly BenchResult[],
  scenario: string,
  wanted: WantedRun,
): boolean {
  const result = results.find((one) => one.scenario === scenario);
  return (
    result !== undefined &&
    result.commit === wanted.commit &&
    result.scale === wanted.scale &&
    result.pairs >= wanted.pairs &&
    wanted.against.every((name) => result.against.some((one) => one === name))
  );
}
