import {
  defaultMaintenanceParameters,
  MAINTENANCE_LABELS,
  maintenanceParametersJSON,
  type ClientIdentity,
  type RepositoryWriter,
} from '@longshore/repo';
import { DEFAULT_POLICY } from './policy/policy.ts';
import { setPolicy } from './policy/policy-store.ts';
import { GLOBAL_SOURCE } from './source-info.ts';

/**
 * Stores what Kopia puts into a new repository: the global policy, equal to the built-in defaults, and the
 * parameters of maintenance, which `owner` is to run. The writer's flush makes it permanent.
 */
export async function initializeRepository(
  writer: RepositoryWriter,
  owner: ClientIdentity,
): Promise<void> {
  await setPolicy(writer, GLOBAL_SOURCE, DEFAULT_POLICY);
  const parameters = defaultMaintenanceParameters(`${owner.userName}@${owner.hostName}`);
  await writer.replaceManifests(MAINTENANCE_LABELS, maintenanceParametersJSON(parameters));
}
