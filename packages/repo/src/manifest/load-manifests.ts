import type { AbortOptions } from '../blob/storage.ts';
import { hasCode } from '../errors.ts';
import type { Labels, Manifest, Repository } from '../repository-contract.ts';

/** Another client cannot go on replacing manifests between a look and the next. */
const MAX_ATTEMPTS = 10;

/**
 * Every manifest with these labels, oldest first, as of one moment. The view of the repository may become stale, and be
 * read anew, between the list and a manifest of it: where one was deleted or replaced meanwhile all are listed again,
 * because whoever leaves out the old one has to see the new one.
 */
export async function loadManifests(
  repository: Repository,
  labels: Labels,
  options: AbortOptions = {},
): Promise<readonly Manifest[]> {
  for (let attempt = 1; ; attempt++) {
    const manifests: Manifest[] = [];
    try {
      for (const { id } of await repository.findManifests(labels, options)) {
        manifests.push(await repository.getManifest(id, options));
      }
      return manifests;
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !hasCode(error, 'MANIFEST_NOT_FOUND')) throw error;
    }
  }
}
