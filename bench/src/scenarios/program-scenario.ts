import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  datasetFor,
  noteOf,
  temporaryFolder,
  timeLimit,
  type Scenario,
  type ScenarioOutcome,
  type ScenarioRun,
} from '../context.ts';
import type { DatasetFolder } from '../dataset-files.ts';
import type { DatasetName } from '../datasets.ts';
import {
  freshClient,
  proveEqualOutput,
  type Proof,
  type ProvenRepository,
} from '../equal-output.ts';
import { machineLimit, type Work } from '../limits.ts';
import { measureProgram, sampleOf, settleDisk, takeTurns, type ProgramCall } from '../measure.ts';
import { openPlace, trafficSince, type Place, type PlaceKind, type Traffic } from '../places.ts';
import type { Sample, SubjectSamples } from '../result.ts';
import type { FormatChoice } from '../runners/engine-request.ts';
import { folderShare } from './folder-share.ts';

export type Operation =
  | 'first'
  | 'incremental'
  | 'unchanged'
  | 'restore'
  | 'restore-folder'
  | 'verify'
  | 'list';

export interface ProgramScenario {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly dataset: DatasetName;
  readonly operation: Operation;
  readonly place: PlaceKind;
  readonly format?: FormatChoice;
  /** Where restored files go. Default: disk. */
  readonly restoreTo?: 'disk' | 'memory';
  readonly goal?: number;
}

const MEMORY_FILE_SYSTEM = '/dev/shm';

/** One program after the other on the same data, as a user would run them. */
export function programScenario(definition: ProgramScenario): Scenario {
  const { id, title, group, dataset } = definition;
  return { id, title, group, dataset, run: (run) => runProgramScenario(run, definition) };
}

/** What one timed run needs. */
interface TimedCall extends AsyncDisposable {
  readonly call: ProgramCall;
  /** Of the repository, after the run. */
  readonly storedBytes?: () => Promise<number>;
}

async function runProgramScenario(
  run: ScenarioRun,
  definition: ProgramScenario,
): Promise<ScenarioOutcome> {
  const { place: kind, format = {} } = definition;
  const place = await openPlace(kind, run.folder);
  if (place === undefined) {
    return { proofs: [], rows: [], notes: ['not run: no MinIO (MINIO_BIN, or minio on the PATH)'] };
  }
  await using _place = place;
  if (definition.restoreTo === 'memory' && !existsSync(MEMORY_FILE_SYSTEM)) {
    return { proofs: [], rows: [], notes: [`not run: there is no ${MEMORY_FILE_SYSTEM}`] };
  }
  const dataset = datasetFor(run, definition.dataset);
  const proof = await proveEqualOutput(run, place, dataset, format);
  const last = new Map<ProvenRepository, LastRun>();
  const results = await takeTurns(
    proof.repositories.map((repository) => ({
      name: repository.peer.name,
      run: (turn: number) => timeOnce(run, { definition, place, repository, dataset, turn, last }),
    })),
    { count: run.options.pairs, deadline: run.deadline },
  );
  for (const { target } of proof.repositories) await place.remove(target);
  return outcome(run, { definition, place, dataset, proof, results, last });
}

interface Turn {
  readonly definition: ProgramScenario;
  readonly place: Place;
  readonly repository: ProvenRepository;
  readonly dataset: DatasetFolder;
  readonly turn: number;
  readonly last: Map<ProvenRepository, LastRun>;
}

/** What the last timed run left and moved. */
interface LastRun {
  readonly storedBytes: number | undefined;
  readonly traffic: Traffic | undefined;
}

async function timeOnce(run: ScenarioRun, turn: Turn): Promise<Sample> {
  const { definition, repository, place } = turn;
  run.log(`${definition.id}: ${repository.peer.name}, turn ${turn.turn + 1}`);
  await using timed = await prepare(run, turn);
  await settleDisk();
  const before = place.timedTraffic();
  const measured = await measureProgram(timed.call, { timeLimitSeconds: timeLimit(run) });
  const after = place.timedTraffic();
  turn.last.set(repository, {
    storedBytes: await timed.storedBytes?.(),
    traffic: before && after && trafficSince(before, after),
  });
  return sampleOf(measured);
}

function prepare(run: ScenarioRun, turn: Turn): Promise<TimedCall> {
  switch (turn.definition.operation) {
    case 'first':
      return prepareFirst(run, turn);
    case 'incremental':
      return prepareIncremental(run, turn);
    case 'unchanged':
      return prepareUnchanged(run, turn);
    case 'restore':
    case 'restore-folder':
      return prepareRestore(run, turn);
    case 'verify':
    case 'list':
      return prepareReading(run, turn);
    default:
      return turn.definition.operation satisfies never;
  }
}

/** A new repository for each turn. */
async function newRepository(run: ScenarioRun, { place, repository, definition, turn }: Turn) {
  const { peer } = repository;
  const target = place.target(`${peer.name}-${turn}`);
  const home = join(run.folder, 'homes', `${peer.name}-${turn}`);
  rmSync(home, { recursive: true, force: true });
  const storage = place.timed(target);
  const client = await peer.create({ home, storage, format: definition.format ?? {} });
  return {
    client,
    storedBytes: () => place.storedBytes(target),
    [Symbol.asyncDispose]: () => place.remove(target),
  };
}

async function prepareFirst(run: ScenarioRun, turn: Turn): Promise<TimedCall> {
  const made = await newRepository(run, turn);
  return { ...made, call: made.client.snapshot(turn.dataset.tree) };
}

async function prepareIncremental(run: ScenarioRun, turn: Turn): Promise<TimedCall> {
  const edited = datasetFor(run, turn.definition.dataset, { state: 'edited' });
  const made = await newRepository(run, turn);
  const base = made.client.snapshot(turn.dataset.tree);
  await measureProgram(base, { timeLimitSeconds: timeLimit(run) });
  return { ...made, call: made.client.snapshot(edited.tree) };
}

async function prepareUnchanged(
  run: ScenarioRun,
  { place, repository, definition, dataset }: Turn,
): Promise<TimedCall> {
  const { peer, target } = repository;
  const storage = place.timed(target);
  const name = `${peer.name}-unchanged`;
  const client = await freshClient(run, { peer, storage, format: definition.format ?? {}, name });
  return {
    call: client.snapshot(dataset.tree),
    storedBytes: () => place.storedBytes(target),
    async [Symbol.asyncDispose]() {},
  };
}

async function prepareRestore(run: ScenarioRun, turn: Turn): Promise<TimedCall> {
  const { place, repository, definition, dataset } = turn;
  const { peer, target, snapshot } = repository;
  const client = await freshClient(run, {
    peer,
    storage: place.timed(target),
    format: definition.format ?? {},
    name: `${peer.name}-restore`,
  });
  const parent = definition.restoreTo === 'memory' ? MEMORY_FILE_SYSTEM : run.folder;
  const folder = temporaryFolder(parent, 'restored');
  const restored = join(folder.path, 'tree');
  const path =
    definition.operation === 'restore-folder' ? folderShare(dataset.tree).path : undefined;
  return {
    call: client.restore(snapshot, restored, path),
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]();
    },
  };
}

async function prepareReading(run: ScenarioRun, turn: Turn): Promise<TimedCall> {
  const { place, repository, definition } = turn;
  const { peer, target } = repository;
  const client = await freshClient(run, {
    peer,
    storage: place.timed(target),
    format: definition.format ?? {},
    name: `${peer.name}-${definition.operation}`,
  });
  const call = definition.operation === 'verify' ? client.verify() : client.list();
  mkdirSync(call.cwd ?? run.folder, { recursive: true });
  return { call, async [Symbol.asyncDispose]() {} };
}

interface Finished {
  readonly definition: ProgramScenario;
  readonly place: Place;
  readonly dataset: DatasetFolder;
  readonly proof: Proof;
  readonly results: ReadonlyMap<string, readonly Sample[]>;
  readonly last: ReadonlyMap<ProvenRepository, LastRun>;
}

function outcome(run: ScenarioRun, finished: Finished): ScenarioOutcome {
  const { definition, dataset, proof, results, last } = finished;
  const subjects = proof.repositories.map((repository): SubjectSamples => {
    const { peer } = repository;
    const { storedBytes, traffic = trafficOf(definition.operation, repository) } =
      last.get(repository) ?? {};
    return {
      subject: peer.name,
      version: peer.version,
      samples: results.get(peer.name) ?? [],
      repositoryBytes: storedBytes ?? repository.storedBytes,
      ...traffic,
    };
  });
  const work = workOf(run, finished);
  const limit = machineLimit(work, run.machine);
  const taken = subjects[0]?.samples.length ?? 0;
  const { goal } = definition;
  return {
    dataset: noteOf(dataset),
    proofs: proof.proofs,
    rows: [
      {
        name: 'wall time',
        unit: 's',
        subjects,
        ...(goal === undefined ? {} : { goal }),
        ...(limit === undefined ? {} : { limit }),
      },
    ],
    notes: [
      ...proof.notes,
      'warm page cache; caches of the programs are empty before each restore, verification and list',
      ...(taken < run.options.pairs ? [`time was up after ${taken} pairs`] : []),
    ],
  };
}

function trafficOf(operation: Operation, repository: ProvenRepository): Traffic | undefined {
  if (operation === 'first') return repository.snapshotTraffic;
  if (operation === 'restore') return repository.restoreTraffic;
  return undefined;
}

/** What must be moved at least, by what our own repository of the same data holds. */
function workOf(run: ScenarioRun, { definition, place, dataset, proof }: Finished): Work {
  const { operation, restoreTo = 'disk' } = definition;
  const ours = proof.repositories.find(({ peer }) => peer.name === 'longshore');
  const stored = ours?.storedBytes ?? dataset.bytes;
  const { bytes, files } = dataset;
  const storing = (amount: number): Work =>
    place.kind === 'disk' ? { diskWritten: amount } : { network: amount };
  const fetching = (amount: number): Work =>
    place.kind === 'disk' ? { diskRead: amount } : { network: amount };
  const line: Work =
    place.bytesPerSecond === undefined ? {} : { networkRate: place.bytesPerSecond };
  const writing = (amount: number): Work =>
    restoreTo === 'memory' ? { memoryWritten: amount } : { diskWritten: amount };
  switch (operation) {
    case 'first':
      return {
        filesRead: bytes,
        fileCount: files,
        hashed: bytes,
        encrypted: stored,
        ...storing(stored),
        ...line,
      };
    case 'incremental': {
      const { changedBytes } = datasetFor(run, definition.dataset, { state: 'edited' });
      return { entryCount: files, hashed: changedBytes, ...storing(changedBytes), ...line };
    }
    case 'unchanged':
      return { entryCount: files };
    case 'restore':
      return {
        fileCount: files,
        hashed: bytes,
        encrypted: stored,
        ...fetching(stored),
        ...writing(bytes),
        ...line,
      };
    case 'restore-folder': {
      const share = folderShare(dataset.tree);
      return { fileCount: share.files, ...fetching(share.bytes), ...writing(share.bytes), ...line };
    }
    case 'verify':
      return { hashed: stored, encrypted: stored, ...fetching(stored), ...line };
    case 'list':
      return {};
    default:
      return operation satisfies never;
  }
}
