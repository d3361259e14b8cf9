import type { AbortOptions } from '../blob/storage.ts';
import { loadManifests } from '../manifest/load-manifests.ts';
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
  const latest = (await loadManifests(repository, MAINTENANCE_LABELS, options)).at(-1);
  return latest === undefined
    ? defaultMaintenanceParameters('')
    : parseMaintenanceParameters(latest.payload);
}
