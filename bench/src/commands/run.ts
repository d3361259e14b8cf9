import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { RunOptions } from '../arguments.ts';
import {
  temporaryFolder,
  type BenchContext,
  type Scenario,
  type ScenarioOutcome,
} from '../context.ts';
import { measureMachine } from '../machine.ts';
import { kopiaPeer } from '../peers/kopia.ts';
import { longshorePeer } from '../peers/longshore.ts';
import type { Peer } from '../peers/peer.ts';
import { resticPeer } from '../peers/restic.ts';
import { rusticPeer } from '../peers/rustic.ts';
import { buildAll, projectCommit } from '../project.ts';
import { htmlPage } from '../report/html-page.ts';
import { resultTable } from '../report/result-table.ts';
import { isDone, loadResults, saveResult } from '../result-files.ts';
import { isOverBudget, RESULT_SCHEMA, type BenchResult } from '../result.ts';
import { selectScenarios } from '../scenarios/all-scenarios.ts';
import { textTable } from '../table.ts';
import { formatBytes } from '../units.ts';

export interface Output {
  /** Results. */
  readonly print: (text: string) => void;
  /** What is being done. */
  readonly log: (text: string) => void;
}

/** Where data sets are kept: the option, else `LONGSHORE_CACHE`, else the user's cache folder. */
function cacheFolder(chosen: string | undefined): string {
  const named = chosen ?? process.env['LONGSHORE_CACHE'];
  return named === undefined ? join(homedir(), '.cache', 'longshore-bench') : resolve(named);
}

/** Runs what was asked for and prints it; the exit code says whether everything ran and every budget held. */
export async function runCommand(options: RunOptions, output: Output): Promise<number> {
  const scenarios = selectScenarios(options);
  if (options.build) buildAll();
  const context = await createContext(options, output);
  const out = options.out === undefined ? undefined : resolve(options.out);
  const done = out === undefined || options.force ? [] : loadResults(out);
  const wanted = {
    commit: projectCommit(),
    scale: options.scale,
    pairs: options.pairs,
    against: context.peers.map(({ name }) => name).filter((name) => name !== 'longshore'),
  };
  const results: BenchResult[] = [];
  let failures = 0;
  for (const scenario of scenarios) {
    if (isDone(done, scenario.id, wanted)) {
      output.log(`${scenario.id}: has a result of this commit already (--force runs it again)`);
      continue;
    }
    try {
      const result = await runScenario(scenario, context, wanted.commit);
      results.push(result);
      printResult(result, output);
      if (out !== undefined && result.rows.length > 0) output.log(saveResult(out, result));
      if (result.budgets.some(isOverBudget)) failures += 1;
    } catch (error) {
      failures += 1;
      output.print(
        `${scenario.id}: FAILED\n${error instanceof Error ? error.message : String(error)}\n`,
      );
    }
  }
  writeFiles(options, results);
  return failures === 0 ? 0 : 1;
}

async function createContext(options: RunOptions, output: Output): Promise<BenchContext> {
  const cache = cacheFolder(options.cache);
  mkdirSync(cache, { recursive: true });
  const makers = { kopia: kopiaPeer, restic: resticPeer, rustic: rusticPeer };
  const peers: Peer[] = [longshorePeer(options.longshore)];
  for (const name of options.against) {
    const peer = makers[name]();
    if (peer === undefined) {
      output.print(
        `${name}: not found (${name.toUpperCase()}_BIN, or ${name} on the PATH); without it\n`,
      );
    } else peers.push(peer);
  }
  output.log(`measuring ${peers.map(({ name, version }) => `${name} ${version}`).join(', ')}`);
  return {
    options,
    peers,
    cache,
    log: output.log,
    machine: await measureMachine(workFolder(options, cache)),
    proven: new Map(),
    digests: new Map(),
  };
}

function workFolder({ work }: RunOptions, cache: string): string {
  return work === undefined ? join(cache, 'work') : resolve(work);
}

async function runScenario(
  scenario: Scenario,
  context: BenchContext,
  commit: string,
): Promise<BenchResult> {
  const { options } = context;
  const startedAt = new Date().toISOString();
  const started = performance.now();
  using folder = temporaryFolder(workFolder(options, context.cache), scenario.id);
  const deadline = started + options.maxMinutes * 60_000;
  const run = { ...context, folder: folder.path, deadline };
  const outcome: ScenarioOutcome = await scenario.run(run);
  const { dataset, proofs, rows, budgets = [], notes = [] } = outcome;
  return {
    schema: RESULT_SCHEMA,
    scenario: scenario.id,
    title: scenario.title,
    group: scenario.group,
    scale: options.scale,
    against: context.peers.map(({ name }) => name).filter((name) => name !== 'longshore'),
    pairs: options.pairs,
    ...(dataset === undefined ? {} : { dataset }),
    startedAt,
    tookSeconds: (performance.now() - started) / 1000,
    machine: context.machine,
    commit,
    proofs,
    rows,
    budgets,
    notes,
  };
}

function printResult(result: BenchResult, { print }: Output): void {
  const lines = [`\n${result.scenario}: ${result.title}`];
  if (result.scale !== 1) lines.push(`scale ${result.scale}: not comparable with other scales`);
  if (result.dataset !== undefined) {
    const { files, bytes } = result.dataset;
    lines.push(`${files} files, ${formatBytes(bytes)}`);
  }
  lines.push(...result.proofs.map((proof) => `equal: ${proof}`));
  if (result.rows.length > 0) lines.push(textTable(resultTable(result)));
  for (const { limit } of result.rows) {
    if (limit === undefined) continue;
    const parts = limit.parts.map(
      ({ resource, seconds, reason }) => `${resource} ${seconds.toFixed(2)} s (${reason})`,
    );
    lines.push(`limit of the machine: ${limit.resource}; ${parts.join(', ')}`);
  }
  for (const budget of result.budgets) {
    const verdict = isOverBudget(budget) ? 'OVER BUDGET' : 'within budget';
    lines.push(
      `${verdict}: ${budget.what}: ${formatBytes(budget.actual)} of ${formatBytes(budget.limit)}`,
    );
  }
  lines.push(...result.notes.map((note) => `note: ${note}`));
  print(`${lines.join('\n')}\n`);
}

function writeFiles(options: RunOptions, results: readonly BenchResult[]): void {
  if (options.json !== undefined) {
    writeMaking(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
  }
  const html =
    options.html ?? (options.out === undefined ? undefined : join(options.out, 'index.html'));
  if (html === undefined) return;
  const all = options.out === undefined ? results : loadResults(resolve(options.out));
  writeMaking(html, htmlPage(all));
}

function writeMaking(path: string, text: string): void {
  const full = resolve(path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
}
