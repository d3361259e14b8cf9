import type { Repository } from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';
import { AllSources } from './all-sources.ts';
import { DirectoryCache, type DirectoryCacheOptions } from './directory-cache.ts';
import type { MountedDirectory } from './mounted-node.ts';
import { RepositoryView, type RepositoryViewOptions } from './repository-view.ts';
import { storedRoot, type MountedTree } from './stored-node.ts';

/** `signal` ends the mount: whatever is being loaded for it is given up. */
export interface MountOptions extends DirectoryCacheOptions, RepositoryViewOptions {}

/**
 * A stored directory, read-only, for whatever serves it. The repository is read anew while the mount is used.
 * INVALID_ARGUMENT if `root` is a file.
 */
export function mountEntry(
  repository: Repository,
  root: DirEntry,
  options: MountOptions,
): MountedDirectory {
  return storedRoot(mountedTree(repository, options), root);
}

/** Every snapshot of the repository below `user@host`, path and time, named as Kopia's mount of `all` names them. */
export async function mountAllSources(
  repository: Repository,
  options: MountOptions,
): Promise<MountedDirectory> {
  const root = new AllSources(mountedTree(repository, options), options);
  await root.list();
  return root;
}

function mountedTree(repository: Repository, options: MountOptions): MountedTree {
  return {
    view: new RepositoryView(repository, options),
    directories: new DirectoryCache(repository, options),
  };
}
