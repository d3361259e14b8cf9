import {
  loadManifests,
  type AbortOptions,
  type Manifest,
  type ManifestID,
  type Repository,
  type RepositoryWriter,
} from '@longshore/repo';
import { sameSource, type SourceInfo } from '../source-info.ts';
import { sortedUnique } from '../text-order.ts';
import { parsePolicy, policyPayload } from './policy-json.ts';
import { pathPolicyLabels, policyLabels, policyTarget } from './policy-labels.ts';
import { mergePolicies, type EffectivePolicy, type TargetedPolicy } from './policy-merge.ts';
import { pathAndParents, relativePathBelow } from './policy-paths.ts';
import { buildPolicyTree, type PolicyNode } from './policy-tree.ts';
import { validatePolicy } from './policy-validation.ts';
import { EMPTY_POLICY, type Policy } from './policy.ts';

/** A policy as a manifest holds it. */
export interface StoredPolicy extends TargetedPolicy {
  readonly id: ManifestID;
}

/** What is defined for exactly this target; undefined if nothing is. Of several manifests the latest counts. */
export async function getPolicy(
  repository: Repository,
  target: SourceInfo,
  options: AbortOptions = {},
): Promise<StoredPolicy | undefined> {
  const manifests = await loadManifests(repository, policyLabels(target), options);
  const latest = manifests.reduce<Manifest | undefined>(
    (pick, next) =>
      pick === undefined ||
      next.entry.modified > pick.entry.modified ||
      next.entry.id > pick.entry.id
        ? next
        : pick,
    undefined,
  );
  return latest && storedPolicy(latest);
}

/** Every stored policy, in the order in which they were written. */
export async function listPolicies(
  repository: Repository,
  options: AbortOptions = {},
): Promise<readonly StoredPolicy[]> {
  return (await loadManifests(repository, { type: 'policy' }, options)).map(storedPolicy);
}

/**
 * Replaces what is defined for a target; the writer's flush makes it permanent. Lists of extensions are stored
 * sorted, for Kopia searches them by halves. INVALID_ARGUMENT if the policy cannot be for this target.
 */
export async function setPolicy(
  writer: RepositoryWriter,
  target: SourceInfo,
  policy: Policy,
): Promise<ManifestID> {
  const labels = policyLabels(target);
  validatePolicy(target, policy);
  return writer.replaceManifests(labels, policyPayload(withSortedExtensions(policy)));
}

/** Removes what is defined for a target. False if nothing was. */
export async function removePolicy(writer: RepositoryWriter, target: SourceInfo): Promise<boolean> {
  const entries = await writer.findManifests(policyLabels(target));
  for (const { id } of entries) await writer.deleteManifest(id);
  return entries.length > 0;
}

/** The settings in force for a source, and which policy each comes from. */
export async function getEffectivePolicy(
  repository: Repository,
  source: SourceInfo,
  options: AbortOptions = {},
): Promise<EffectivePolicy> {
  return mergePolicies(await policiesAbove(repository, source, options));
}

/** The policies that an upload of `source` works with. */
export async function loadPolicyTree(
  repository: Repository,
  source: SourceInfo,
  options: AbortOptions = {},
): Promise<PolicyNode> {
  const { policy } = await getEffectivePolicy(repository, source, options);
  const below = new Map<string, Policy>();
  for (const manifest of await loadManifests(repository, pathPolicyLabels(source), options)) {
    const relative = relativePathBelow(source.path, policyTarget(manifest.entry.labels).path);
    if (relative !== undefined) below.set(relative, storedPolicy(manifest).policy);
  }
  return buildPolicyTree(policy, below);
}

/**
 * Policies for the path, each directory above it, the user, the host and everyone. Of several manifests for one
 * target all take part, the oldest first. The first one is for the source itself, if need be an empty one.
 */
async function policiesAbove(
  repository: Repository,
  source: SourceInfo,
  options: AbortOptions,
): Promise<readonly TargetedPolicy[]> {
  const { host, userName, path } = source;
  const targets: SourceInfo[] =
    path === '' ? [] : pathAndParents(path).map((above) => ({ host, userName, path: above }));
  if (userName !== '') targets.push({ host, userName, path: '' });
  if (host !== '') targets.push({ host, userName: '', path: '' });
  targets.push({ host: '', userName: '', path: '' });
  const policies: TargetedPolicy[] = [];
  for (const target of targets) {
    const manifests = await loadManifests(repository, policyLabels(target), options);
    policies.push(...manifests.map(storedPolicy));
  }
  const own = policies[0];
  return own !== undefined && sameSource(own.target, source)
    ? policies
    : [{ target: source, policy: EMPTY_POLICY }, ...policies];
}

function storedPolicy({ entry: { id, labels }, payload }: Manifest): StoredPolicy {
  return { id, target: policyTarget(labels), policy: parsePolicy(payload, `policy ${id}`) };
}

function withSortedExtensions(policy: Policy): Policy {
  const { onlyCompress, neverCompress } = policy.compression;
  return {
    ...policy,
    compression: {
      ...policy.compression,
      onlyCompress: onlyCompress && sortedUnique(onlyCompress),
      neverCompress: neverCompress && sortedUnique(neverCompress),
    },
  };
}
