import type { AbortOptions } from '../blob/storage.ts';
import type { Repository } from '../repository-contract.ts';
import {
  defaultMaintenanceParameters,
  MAINTENANCE_LABELS,
  parseMaintenanceParameters,
  type MaintenanceParameters,
} from './parameters.ts';

/** The parameters of the latest manifest that has some; without one the defaults, owned by nobody. */
export async function loadMaintenanceParameters(
  repository: Repository,
  options: AbortOptions = {},
): Promise<MaintenanceParameters> {
  const latest = (await repository.findManifests(MAINTENANCE_LABELS, options)).at(-1);
  if (latest === undefined) return defaultMaintenanceParameters('');
  const { payload } = await repository.getManifest(latest.id, options);
  return parseMaintenanceParameters(payload);
}
