import { invariant } from '@longshore/repo';
import type { DirectoryHandle, SystemCalls } from './system-calls.ts';

/** A directory of the target by its place in the tree: the root has no parent. */
export interface DirectoryPlace {
  readonly parent: DirectoryPlace | undefined;
  readonly name: string | Uint8Array;
}

/**
 * Descriptors of the directories in use, the least recently used closed beyond `limit`: a tree may be wider and deeper
 * than a process may hold files open. A closed one is opened again from its nearest open ancestor, one name at a
 * time, so that a symlink put in the way is refused and never followed.
 */
export class OpenDirectories {
  readonly #systemCalls: SystemCalls;
  readonly #limit: number;
  readonly #root: DirectoryHandle;
  #closed = false;
  // In order of use, the oldest first.
  readonly #open = new Map<DirectoryPlace, DirectoryHandle>();

  /** The root stays open, not counted in `limit`. */
  constructor(systemCalls: SystemCalls, root: DirectoryHandle, limit: number) {
    this.#systemCalls = systemCalls;
    this.#root = root;
    this.#limit = limit;
  }

  /** Valid until the next call of this method. Fails with ENOTDIR or ELOOP if no directory is there any more. */
  open(place: DirectoryPlace): DirectoryHandle {
    invariant(!this.#closed, 'the target of the restore is closed');
    const missing: DirectoryPlace[] = [];
    let handle: DirectoryHandle | undefined;
    for (let at = place; handle === undefined; at = at.parent!) {
      handle = at.parent === undefined ? this.#root : this.#use(at);
      if (handle === undefined) missing.push(at);
    }
    for (const at of missing.toReversed()) {
      handle = this.#systemCalls.openDirectory(handle, at.name);
      this.#add(at, handle);
    }
    return handle;
  }

  /** Nothing happens if it is not open. */
  close(place: DirectoryPlace): void {
    const handle = this.#open.get(place);
    if (handle === undefined) return;
    this.#open.delete(place);
    this.#systemCalls.closeDirectory(handle);
  }

  /** Idempotent. Nothing can be opened afterwards: a closed descriptor may already be that of something else. */
  closeAll(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const handle of this.#open.values()) this.#systemCalls.closeDirectory(handle);
    this.#open.clear();
    this.#systemCalls.closeDirectory(this.#root);
  }

  #use(place: DirectoryPlace): DirectoryHandle | undefined {
    const handle = this.#open.get(place);
    if (handle === undefined) return undefined;
    this.#open.delete(place);
    this.#open.set(place, handle);
    return handle;
  }

  #add(place: DirectoryPlace, handle: DirectoryHandle): void {
    this.#open.set(place, handle);
    if (this.#open.size <= this.#limit) return;
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && oldest !== place) this.close(oldest);
  }
}
