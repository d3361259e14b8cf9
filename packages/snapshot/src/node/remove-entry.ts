import { fstatSync } from 'node:fs';
import { LongshoreError } from '@longshore/repo';
import type { DirectoryPlace, OpenDirectories } from './open-directories.ts';
import type { EntryName, SystemCalls } from './system-calls.ts';

interface PendingDirectory {
  readonly place: DirectoryPlace;
  readonly parent: DirectoryPlace;
  readonly names: EntryName[];
}

/**
 * Removes an entry of the target with everything below it, following no symlink. False: it was not there.
 * TARGET_UNSAFE at a mount point, which holds what belongs to somebody else. `node:fs` errors otherwise.
 */
export function removeEntry(
  directories: OpenDirectories,
  systemCalls: SystemCalls,
  parent: DirectoryPlace,
  name: EntryName,
): boolean {
  const kind = systemCalls.status(directories.open(parent), name)?.kind;
  if (kind === undefined) return false;
  if (kind !== 'd') {
    systemCalls.unlink(directories.open(parent), name);
    return true;
  }
  // A stack of its own: the tree may be deeper than calls can nest.
  const pending = [enter(directories, systemCalls, parent, name)];
  for (let at = pending.at(-1); at !== undefined; at = pending.at(-1)) {
    const child = at.names.pop();
    if (child === undefined) {
      directories.close(at.place);
      systemCalls.removeDirectory(directories.open(at.parent), at.place.name);
      pending.pop();
    } else if (systemCalls.status(directories.open(at.place), child)?.kind === 'd') {
      pending.push(enter(directories, systemCalls, at.place, child));
    } else {
      systemCalls.unlink(directories.open(at.place), child);
    }
  }
  return true;
}

function enter(
  directories: OpenDirectories,
  systemCalls: SystemCalls,
  parent: DirectoryPlace,
  name: EntryName,
): PendingDirectory {
  const device = fstatSync(directories.open(parent).fd).dev;
  const place: DirectoryPlace = { parent, name };
  const handle = directories.open(place);
  if (fstatSync(handle.fd).dev !== device) {
    directories.close(place);
    throw new LongshoreError('TARGET_UNSAFE', `${handle.path}: a mount point is not removed`, {
      path: handle.path,
    });
  }
  return { place, parent, names: [...systemCalls.list(handle)] };
}
