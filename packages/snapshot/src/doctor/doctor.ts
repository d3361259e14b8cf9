import { surveyRepository, type AbortOptions, type OpenRepository } from '@longshore/repo';
import { examineDamage } from './examine-damage.ts';
import { examineIndexes } from './examine-indexes.ts';
import { examineLocks, examineMaintenance } from './examine-maintenance.ts';
import type { Finding, FindingSeverity } from './finding.ts';

const ORDER: readonly FindingSeverity[] = ['error', 'warning', 'note'];

/**
 * What an operator should know about a repository, the worst first; empty if all is well. Lists the whole storage
 * and reads indexes, session markers and the records of maintenance, but no pack: damage inside packs is found by
 * `verifySnapshots`.
 */
export async function diagnoseRepository(
  repository: OpenRepository,
  options: AbortOptions = {},
): Promise<readonly Finding[]> {
  const survey = await surveyRepository(repository, options);
  const findings = [
    ...examineDamage(survey),
    ...examineIndexes(survey),
    ...examineMaintenance(survey),
    ...examineLocks(survey, repository.formatManager.blobConfiguration),
  ];
  return findings.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
}
