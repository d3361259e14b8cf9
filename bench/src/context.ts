import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RunOptions } from './arguments.ts';
import { makeDataset, type DatasetFolder } from './dataset-files.ts';
import { DATASETS, type DatasetName } from './datasets.ts';
import type { Peer } from './peers/peer.ts';
import type { Budget, DatasetNote, MachineNote, ResultRow } from './result.ts';
import { digestTree, type TreeDigest } from './tree-digest.ts';

/** What scenarios work with. */
export interface BenchContext {
  readonly options: RunOptions;
  readonly machine: MachineNote;
  /** longshore first. */
  readonly peers: readonly Peer[];
  readonly cache: string;
  /** Says what is being done. */
  readonly log: (text: string) => void;
  /** What was shown equal in this run already: scenarios on the same data need not show it again. */
  readonly proven: Map<string, readonly string[]>;
  readonly digests: Map<string, TreeDigest>;
}

/** One scenario being run. */
export interface ScenarioRun extends BenchContext {
  /** A folder of its own, empty, removed afterwards. */
  readonly folder: string;
  /** As `performance.now()` counts: no further turn begins after it. */
  readonly deadline: number;
}

export interface ScenarioOutcome {
  readonly dataset?: DatasetNote;
  readonly proofs: readonly string[];
  readonly rows: readonly ResultRow[];
  readonly budgets?: readonly Budget[];
  readonly notes?: readonly string[];
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly dataset?: DatasetName;
  run(context: ScenarioRun): Promise<ScenarioOutcome>;
}

/** The data set at the scale of this run, times `factor`; made on first use. */
export function datasetFor(
  context: BenchContext,
  name: DatasetName,
  { state = 'base', factor = 1 }: { state?: 'base' | 'edited'; factor?: number } = {},
): DatasetFolder {
  const scale = context.options.scale * factor;
  context.log(`data set ${name} (${state}, scale ${scale})`);
  return makeDataset(DATASETS[name], { cache: context.cache, scale, state });
}

export function digestOf(context: BenchContext, { tree }: DatasetFolder): TreeDigest {
  const known = context.digests.get(tree);
  if (known !== undefined) return known;
  const digest = digestTree(tree);
  context.digests.set(tree, digest);
  return digest;
}

export function noteOf({ key, about, scale, files, bytes }: DatasetFolder): DatasetNote {
  return { key, about: scale === 1 ? about : `${about}; ${scale} times that`, files, bytes };
}

/** Seconds that a program may still take: the rest of the time, and a minute in any case. */
export function timeLimit({ deadline, options }: ScenarioRun): number {
  const rest = (deadline - performance.now()) / 1000;
  return Math.max(60, Math.min(options.maxMinutes * 60, rest));
}

/** A new folder under `parent`, removed by `using`; what runs that were killed left there is removed, too. */
export function temporaryFolder(
  parent: string,
  name: string,
): Disposable & { readonly path: string } {
  mkdirSync(parent, { recursive: true });
  removeStaleFolders(parent);
  const path = mkdtempSync(join(parent, `${FOLDER_PREFIX}${process.pid}-${name}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const FOLDER_PREFIX = 'longshore-bench-';

function removeStaleFolders(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid] = /^longshore-bench-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || isRunning(Number(pid))) continue;
    rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs as somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
