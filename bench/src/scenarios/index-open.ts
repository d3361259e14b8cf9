import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { timeLimit, type Scenario, type ScenarioOutcome, type ScenarioRun } from '../context.ts';
import { freshClient } from '../equal-output.ts';
import { measureProgram, sampleOf, takeTurns } from '../measure.ts';
import { engineCall, libraryPeer } from '../peers/longshore.ts';
import { BENCH_PASSWORD } from '../peers/peer.ts';
import { longshoreVersion } from '../project.ts';
import type { ResultRow, Sample, SubjectSamples } from '../result.ts';
import type { EngineAnswer, StorageTarget } from '../runners/engine-request.ts';
import { openTarget } from '../runners/engine-storage.ts';
import { formatBytes, formatCount, formatSeconds } from '../units.ts';
import { generateIndex } from './index-generator.ts';

const CONTENTS = 5_000_000;
/** Bytes that the index of so many contents may keep resident; a smaller one gets no more. */
const BUDGET = 300e6;
const LOOKUPS = 20_000;

export const INDEX_SCENARIOS: readonly Scenario[] = [
  {
    id: 'index-open',
    title: `opening a repository with an index of ${formatCount(CONTENTS)} contents`,
    group: 'index',
    run: runIndexOpen,
  },
];

async function indexRepository(run: ScenarioRun, contents: number): Promise<StorageTarget> {
  const path = join(run.cache, 'datasets', `index-v1-${contents}`);
  const target: StorageTarget = { kind: 'filesystem', path };
  if (existsSync(path)) return target;
  const making = `${path}.making`;
  rmSync(making, { recursive: true, force: true });
  run.log(`index of ${formatCount(contents)} contents: made once`);
  const storage: StorageTarget = { kind: 'filesystem', path: making };
  await libraryPeer().create({ home: join(run.folder, 'homes', 'index'), storage, format: {} });
  await using opened = await openTarget(storage);
  await generateIndex({ storage: opened, password: BENCH_PASSWORD, contents });
  renameSync(making, path);
  return target;
}

interface Opened {
  readonly sample: Sample;
  readonly answer: Required<
    Pick<EngineAnswer, 'contents' | 'residentBytes' | 'openSeconds' | 'lookupSeconds'>
  >;
}

async function openOnce(run: ScenarioRun, storage: StorageTarget): Promise<Opened> {
  const home = join(run.folder, 'homes', 'open');
  const call = engineCall({ home, storage }, {}, { kind: 'open', lookups: LOOKUPS });
  const measured = await measureProgram(call, { timeLimitSeconds: timeLimit(run) });
  const answer = JSON.parse(measured.stdout) as Opened['answer'];
  return { sample: { ...sampleOf(measured), value: answer.openSeconds }, answer };
}

function row(name: string, subjects: readonly SubjectSamples[]): ResultRow {
  return { name, unit: 's', subjects };
}

async function runIndexOpen(run: ScenarioRun): Promise<ScenarioOutcome> {
  const contents = Math.max(1000, Math.round(CONTENTS * run.options.scale));
  const storage = await indexRepository(run, contents);
  const listing = run.peers.filter(({ name }) => name === 'longshore' || name === 'kopia');
  const opened: Opened[] = [];
  const lists = await takeTurns(
    listing.map((peer) => ({
      name: peer.name,
      run: async (): Promise<Sample> => {
        if (peer.name === 'longshore') opened.push(await openOnce(run, storage));
        const client = await freshClient(run, {
          peer,
          storage,
          format: {},
          name: `list-${peer.name}`,
        });
        const limits = { timeLimitSeconds: timeLimit(run) };
        return sampleOf(await measureProgram(client.list(), limits));
      },
    })),
    { count: run.options.pairs, deadline: run.deadline },
  );
  for (const { answer } of opened) {
    if (answer.contents !== contents)
      throw new Error(`${answer.contents} contents, not ${contents}`);
  }
  const resident = Math.max(...opened.map(({ answer }) => answer.residentBytes));
  const perLookup = Math.min(...opened.map(({ answer }) => answer.lookupSeconds));
  return {
    proofs: [`all ${formatCount(contents)} contents are listed, and those looked up are found`],
    rows: [
      row('open', [
        {
          subject: 'longshore',
          version: longshoreVersion(),
          samples: opened.map(({ sample }) => sample),
        },
      ]),
      row(
        'list of snapshots, whole program, empty cache',
        listing.map(({ name, version }) => ({
          subject: name,
          version,
          samples: lists.get(name) ?? [],
        })),
      ),
    ],
    budgets: [
      {
        what: `resident memory of an index of ${formatCount(contents)} contents`,
        limit: BUDGET,
        actual: resident,
        unit: 'B',
      },
    ],
    notes: [
      `resident ${formatBytes(resident)}, ${(resident / contents).toFixed(1)} bytes for each content`,
      `one look-up ${formatSeconds(perLookup)}`,
    ],
  };
}
