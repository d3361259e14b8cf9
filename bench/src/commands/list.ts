import { DATASETS } from '../datasets.ts';
import { SCENARIOS } from '../scenarios/all-scenarios.ts';
import { textTable } from '../table.ts';
import type { Output } from './run.ts';

/** All scenarios and data sets. */
export function listCommand({ print }: Output): number {
  const scenarios = textTable({
    columns: [{ name: 'scenario' }, { name: 'group' }, { name: 'what' }],
    rows: SCENARIOS.map(({ id, group, title }) => [id, group, title]),
  });
  const datasets = textTable({
    columns: [{ name: 'data set' }, { name: 'what' }],
    rows: Object.values(DATASETS).map(({ name, about }) => [name, about]),
  });
  print(`${scenarios}\n\n${datasets}\n`);
  return 0;
}
