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
import { measureProgram, sampleOf, takeTurns } from '../measure.ts';
import { libraryPeer, type EngineLimits } from '../peers/longshore.ts';
import type { Budget, ResultRow, Sample } from '../result.ts';
import { digestTree } from '../tree-digest.ts';

interface MemoryScenario {
  readonly id: string;
  readonly title: string;
  readonly limits: EngineLimits;
  /** Bytes. */
  readonly budget: number;
}

/** Of the mixed data set: 400 MB, and ten times that. */
const SMALL_FACTOR = 0.2;
const LARGE_FACTOR = 2;
/** Peaks vary little; more runs only take time. */
const MAX_TURNS = 3;

const DEFINITIONS: readonly MemoryScenario[] = [
  {
    id: 'memory-bound',
    title: 'peak memory with two workers, data and ten times the data',
    limits: { workers: 2 },
    budget: 400e6,
  },
  {
    id: 'memory-bound-low',
    title: 'peak memory in low-memory mode, data and ten times the data',
    limits: { lowMemory: true },
    budget: 250e6,
  },
];

export const MEMORY_SCENARIOS: readonly Scenario[] = DEFINITIONS.map((definition) => ({
  id: definition.id,
  title: definition.title,
  group: 'memory',
  dataset: 'mixed',
  run: (run) => runMemory(run, definition),
}));

async function runMemory(
  run: ScenarioRun,
  { limits, budget }: MemoryScenario,
): Promise<ScenarioOutcome> {
  const rows: ResultRow[] = [];
  const budgets: Budget[] = [];
  let last: DatasetFolder | undefined;
  for (const factor of [SMALL_FACTOR, LARGE_FACTOR]) {
    const dataset = datasetFor(run, 'mixed', { factor });
    last = dataset;
    const { version, samples } = await measureBoth(run, dataset, limits);
    for (const operation of ['snapshot', 'restore'] as const) {
      const name = `${operation}, ${factor === SMALL_FACTOR ? 'data' : 'ten times the data'}`;
      const ofOperation = samples.map((sample) => sample[operation]);
      rows.push({
        name,
        unit: 's',
        subjects: [{ subject: 'longshore', version, samples: ofOperation }],
      });
      const peaks = ofOperation.flatMap(({ peakBytes }) => peakBytes ?? []);
      if (peaks.length > 0) {
        const actual = Math.max(...peaks);
        budgets.push({ what: `peak memory, ${name}`, limit: budget, actual, unit: 'B' });
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

interface Both {
  readonly snapshot: Sample;
  readonly restore: Sample;
}

async function measureBoth(
  run: ScenarioRun,
  dataset: DatasetFolder,
  limits: EngineLimits,
): Promise<{ readonly version: string; readonly samples: readonly Both[] }> {
  const peer = libraryPeer(limits);
  const once = async (turn: number): Promise<Both> => {
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
    for (const folder of [path, restored, home]) rmSync(folder, { recursive: true, force: true });
    return { snapshot: sampleOf(snapshot), restore: sampleOf(restore) };
  };
  const results = await takeTurns([{ name: peer.name, run: once }], {
    count: Math.min(MAX_TURNS, run.options.pairs),
    deadline: run.deadline,
  });
  return { version: peer.version, samples: results.get(peer.name) ?? [] };
}
