import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  datasetFor,
  digestOf,
  noteOf,
  timeLimit,
  type Scenario,
  type ScenarioOutcome,
  type ScenarioRun,
} from '../context.ts';
import type { DatasetFolder } from '../dataset-files.ts';
import type { DatasetName } from '../datasets.ts';
import { measureProgram, sampleOf, takeTurns } from '../measure.ts';
import { libraryPeer, type EngineLimits } from '../peers/longshore.ts';
import type { Budget, ResultRow, Sample } from '../result.ts';
import { digestTree } from '../tree-digest.ts';

interface MemoryScenario {
  readonly id: string;
  readonly title: string;
  readonly dataset: DatasetName;
  /** Of the data set; the second is ten times the first. */
  readonly factors: readonly [number, number];
  readonly limits: EngineLimits;
  /** Bytes. */
  readonly budget: number;
}

/** Of the mixed data set: 400 MB, and ten times that. */
const BYTES = { dataset: 'mixed', factors: [0.2, 2] } as const;
/** 20,000 tiny files, and ten times as many. */
const FILES = { dataset: 'tiny-files', factors: [0.1, 1] } as const;
/** Peaks vary little; more runs only take time. */
const MAX_TURNS = 3;

const DEFINITIONS: readonly MemoryScenario[] = [
  {
    id: 'memory-bound',
    title: 'peak memory with two workers, data and ten times the data',
    ...BYTES,
    limits: { workers: 2 },
    budget: 400e6,
  },
  {
    id: 'memory-bound-files',
    title: 'peak memory with two workers, 20,000 files and ten times as many',
    ...FILES,
    limits: { workers: 2 },
    budget: 400e6,
  },
  {
    id: 'memory-bound-low',
    title: 'peak memory in low-memory mode, data and ten times the data',
    ...BYTES,
    limits: { lowMemory: true },
    budget: 250e6,
  },
];

export const MEMORY_SCENARIOS: readonly Scenario[] = DEFINITIONS.map((definition) => ({
  id: definition.id,
  title: definition.title,
  group: 'memory',
  dataset: definition.dataset,
  run: (run) => runMemory(run, definition),
}));

async function runMemory(
  run: ScenarioRun,
  { dataset: name, factors, limits, budget }: MemoryScenario,
): Promise<ScenarioOutcome> {
  const rows: ResultRow[] = [];
  const budgets: Budget[] = [];
  let last: DatasetFolder | undefined;
  for (const factor of factors) {
    const dataset = datasetFor(run, name, { factor });
    last = dataset;
    const { version, samples } = await measureAll(run, dataset, limits);
    for (const operation of OPERATIONS) {
      const what = factor === factors[0] ? name : `ten times ${name}`;
      const row = `${operation}, ${what}`;
      const ofOperation = samples.map((sample) => sample[operation]);
      rows.push({
        name: row,
        unit: 's',
        subjects: [{ subject: 'longshore', version, samples: ofOperation }],
      });
      const peaks = ofOperation.flatMap(({ peakBytes }) => peakBytes ?? []);
      if (peaks.length > 0) {
        const actual = Math.max(...peaks);
        budgets.push({ what: `peak memory, ${row}`, limit: budget, actual, unit: 'B' });
      }
    }
  }
  return {
    ...(last === undefined ? {} : { dataset: noteOf(last) }),
    proofs: ['the restored tree equals the source'],
    rows,
    budgets,
    notes: budgets.length === 0 ? ['peak memory cannot be read on this system'] : [],
  };
}

const OPERATIONS = ['snapshot', 'restore', 'verify'] as const;

type Samples = Readonly<Record<(typeof OPERATIONS)[number], Sample>>;

async function measureAll(
  run: ScenarioRun,
  dataset: DatasetFolder,
  limits: EngineLimits,
): Promise<{ readonly version: string; readonly samples: readonly Samples[] }> {
  const peer = libraryPeer(limits);
  const once = async (turn: number): Promise<Samples> => {
    run.log(`${dataset.key}: turn ${turn + 1}`);
    const path = join(run.folder, 'repository');
    const home = join(run.folder, 'home');
    const restored = join(run.folder, 'restored');
    const client = await peer.create({
      home,
      storage: { kind: 'filesystem', path },
      format: { compression: 'zstd-fastest' },
    });
    const limit = { timeLimitSeconds: timeLimit(run) };
    const snapshot = await measureProgram(client.snapshot(dataset.tree), limit);
    const reference = client.parseSnapshot(snapshot.stdout);
    const restore = await measureProgram(client.restore(reference, restored), limit);
    if (turn === 0 && digestTree(restored).digest !== digestOf(run, dataset).digest) {
      throw new Error(`another tree was restored than ${dataset.tree}`);
    }
    const verify = await measureProgram(client.verify(), limit);
    for (const folder of [path, restored, home]) rmSync(folder, { recursive: true, force: true });
    return {
      snapshot: sampleOf(snapshot),
      restore: sampleOf(restore),
      verify: sampleOf(verify),
    };
  };
  const results = await takeTurns([{ name: peer.name, run: once }], {
    count: Math.min(MAX_TURNS, run.options.pairs),
    deadline: run.deadline,
  });
  return { version: peer.version, samples: results.get(peer.name) ?? [] };
}
