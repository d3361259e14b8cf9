import {
  runMaintenance,
  type MaintenanceOptions,
  type MaintenanceResult,
  type OpenWritableRepository,
} from '@longshore/repo';
import { snapshotGCTask } from './gc/snapshot-gc.ts';

export type MaintainOptions = Omit<MaintenanceOptions, 'snapshotGC'>;

/** Maintenance with all its parts: the repository's own, and the collection of what no snapshot needs. */
export function maintainRepository(
  repository: OpenWritableRepository,
  options: MaintainOptions = {},
): Promise<MaintenanceResult> {
  return runMaintenance(repository, { ...options, snapshotGC: snapshotGCTask });
}
