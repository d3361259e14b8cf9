import type { RunOptions } from '../arguments.ts';
import { UsageError } from '../arguments.ts';
import type { Scenario } from '../context.ts';
import { INDEX_SCENARIOS } from './index-open.ts';
import { KERNEL_SCENARIOS } from './kernel-scenarios.ts';
import { MEMORY_SCENARIOS } from './memory-bound.ts';
import { PROGRAM_SCENARIOS } from './program-scenarios.ts';

/** In the order in which `all` runs them: the quick ones first. */
export const SCENARIOS: readonly Scenario[] = [
  ...KERNEL_SCENARIOS,
  ...INDEX_SCENARIOS,
  ...PROGRAM_SCENARIOS,
  ...MEMORY_SCENARIOS,
];

/** Those that are named, by their own name, their group, or `all`; of these the ones on the data set, if one is given. */
export function selectScenarios({
  scenarios: names,
  dataset,
}: Pick<RunOptions, 'scenarios' | 'dataset'>): readonly Scenario[] {
  for (const name of names) {
    const known = SCENARIOS.some(
      ({ id, group }) => name === 'all' || name === id || name === group,
    );
    if (!known) throw new UsageError(`${name}: no such scenario, group or command; see "list"`);
  }
  const selected = SCENARIOS.filter(
    (scenario) =>
      names.some((name) => name === 'all' || name === scenario.id || name === scenario.group) &&
      (dataset === undefined || scenario.dataset === dataset),
  );
  if (selected.length === 0) throw new UsageError(`no scenario of these uses ${dataset}`);
  return selected;
}
