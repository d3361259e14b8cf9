import { DATASETS } from '../datasets.ts';
import type { Scenario } from '../context.ts';
import { programScenario, type ProgramScenario } from './program-scenario.ts';

const about = (name: keyof typeof DATASETS): string => DATASETS[name].about;

/** Goals are those of the project's tracker: our wall time divided by Kopia's. */
const DEFINITIONS: readonly ProgramScenario[] = [
  first('first-big', 'big-file', { goal: 0.55 }),
  first('first-mixed', 'mixed', { goal: 0.65 }),
  first('first-mixed-zstd', 'mixed', { goal: 0.65, format: { compression: 'zstd-fastest' } }),
  first('first-mixed-blake3', 'mixed', { goal: 0.65, format: { hash: 'BLAKE3-256-128' } }),
  first('first-small', 'small-files', { goal: 0.75 }),
  first('first-tiny', 'tiny-files', { goal: 0.6 }),
  first('first-image', 'disk-image', {}),
  incremental('incremental-big', 'big-file'),
  incremental('incremental-mixed', 'mixed'),
  incremental('incremental-small', 'small-files'),
  incremental('incremental-image', 'disk-image'),
  {
    id: 'unchanged',
    title: `nothing changed in ${about('tiny-files')}`,
    group: 'unchanged',
    dataset: 'tiny-files',
    operation: 'unchanged',
    place: 'disk',
    goal: 0.7,
  },
  restore('restore-mixed-memory', 'mixed', { restoreTo: 'memory', goal: 0.55 }),
  restore('restore-mixed', 'mixed', { goal: 0.9 }),
  restore('restore-big', 'big-file', {}),
  restore('restore-small', 'small-files', {}),
  {
    id: 'restore-folder',
    title: `restore of one folder out of ${about('many-folders')}`,
    group: 'restore',
    dataset: 'many-folders',
    operation: 'restore-folder',
    place: 'disk',
  },
  {
    id: 'verify',
    title: `verification of every byte of ${about('mixed')}`,
    group: 'verify',
    dataset: 'mixed',
    operation: 'verify',
    place: 'disk',
  },
  {
    id: 'snapshot-list',
    title: `list of snapshots, repository of ${about('tiny-files')}`,
    group: 'list',
    dataset: 'tiny-files',
    operation: 'list',
    place: 'disk',
  },
  {
    id: 's3-first',
    title: `first snapshot to MinIO: ${about('mixed')}`,
    group: 's3',
    dataset: 'mixed',
    operation: 'first',
    place: 's3',
    goal: 0.65,
  },
  {
    id: 's3-restore',
    title: `restore from MinIO to memory: ${about('mixed')}`,
    group: 's3',
    dataset: 'mixed',
    operation: 'restore',
    place: 's3',
    restoreTo: 'memory',
    goal: 0.7,
  },
  {
    id: 's3-restore-huge',
    title: `restore behind 20 ms to memory: ${about('huge-file')}`,
    group: 's3',
    dataset: 'huge-file',
    operation: 'restore',
    place: 's3-latency',
    restoreTo: 'memory',
    goal: 0.3,
  },
  {
    id: 's3-restore-folder',
    title: `restore behind 20 ms: one folder out of ${about('many-folders')}`,
    group: 's3',
    dataset: 'many-folders',
    operation: 'restore-folder',
    place: 's3-latency',
    goal: 0.5,
  },
  {
    id: 's3-slow-first',
    title: `first snapshot behind 20 ms and 50 MB/s: ${about('small-files')}`,
    group: 's3',
    dataset: 'small-files',
    operation: 'first',
    place: 's3-slow',
  },
  {
    id: 's3-slow-unchanged',
    title: `nothing changed behind 20 ms and 50 MB/s: ${about('small-files')}`,
    group: 's3',
    dataset: 'small-files',
    operation: 'unchanged',
    place: 's3-slow',
  },
];

type Choice = Pick<ProgramScenario, 'format' | 'goal' | 'restoreTo'>;

function first(id: string, dataset: keyof typeof DATASETS, choice: Choice): ProgramScenario {
  const { hash, compression } = choice.format ?? {};
  const choices = [hash, compression].filter((one) => one !== undefined).join(', ');
  const suffix = choices === '' ? '' : `, with ${choices}`;
  const title = `first snapshot: ${about(dataset)}${suffix}`;
  return { id, title, group: 'first', dataset, operation: 'first', place: 'disk', ...choice };
}

function incremental(id: string, dataset: keyof typeof DATASETS): ProgramScenario {
  const title = `snapshot after inserts, overwrites and deletes: ${about(dataset)}`;
  return { id, title, group: 'incremental', dataset, operation: 'incremental', place: 'disk' };
}

function restore(id: string, dataset: keyof typeof DATASETS, choice: Choice): ProgramScenario {
  const where = choice.restoreTo === 'memory' ? 'to a memory file system' : 'to disk';
  const title = `restore ${where}: ${about(dataset)}`;
  return { id, title, group: 'restore', dataset, operation: 'restore', place: 'disk', ...choice };
}

export const PROGRAM_SCENARIOS: readonly Scenario[] = DEFINITIONS.map(programScenario);
