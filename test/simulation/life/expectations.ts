import { createHash } from 'node:crypto';
import type {
  ContentID,
  EpochNanoseconds,
  ManifestID,
  OpenWritableRepository,
} from '@longshore/repo';
import {
  listSnapshots,
  readEntryDirectory,
  restoreSnapshot,
  type DirEntry,
  type SnapshotManifest,
} from '@longshore/snapshot';
import { RecordingOutput } from '../../recording-output.ts';
import type { SourceTree } from './source-tree.ts';

/** A tag of each snapshot and checkpoint: the number of its attempt. */
export const ATTEMPT_TAG = 'tag:attempt';

/** Something that a snapshot was or may have been made of. */
export interface Attempt {
  readonly number: number;
  readonly tree: SourceTree;
}

type State = 'live' | 'doubtful' | 'gone';

/** What retention goes by. */
interface Dated {
  readonly path: string;
  readonly startTime: EpochNanoseconds;
  readonly isComplete: boolean;
  readonly isPinned: boolean;
}

interface Expected extends Dated {
  readonly id: ManifestID;
  readonly attempt: Attempt;
  readonly needed: ReadonlySet<ContentID>;
  /** Doubtful: somebody began to delete it, and nobody knows how that ended. */
  state: State;
  /** Doubtful only because somebody began to save it again with other pins: then it is there under one ID or the other. */
  isReplacing: boolean;
  isRestored: boolean;
}

/** What the repository has to hold by simple rules, whatever happens to those who use it. */
export class Expectations {
  readonly #attempts: Attempt[] = [];
  readonly #snapshots = new Map<ManifestID, Expected>();
  /** Told as deleted before anybody looked. Until then they may have made others expire. */
  readonly #deletedUnseen = new Map<ManifestID, Dated>();
  /** The smallest number of snapshots that the policy of a path ever asked for. */
  readonly #leastKept = new Map<string, number>();
  /** Acknowledged, not yet seen in the storage. */
  readonly #saved = new Map<ManifestID, string>();
  #needed: ReadonlySet<ContentID> | undefined;

  begin(tree: SourceTree): Attempt {
    const attempt = { number: this.#attempts.length, tree };
    this.#attempts.push(attempt);
    return attempt;
  }

  /** The writer was told that this snapshot is safe. */
  saved({ id }: SnapshotManifest, what: string): void {
    this.#saved.set(id, what);
  }

  deleting(snapshot: SnapshotManifest): void {
    const known = this.#snapshots.get(snapshot.id);
    if (known?.state === 'live') this.#become(known, 'doubtful');
    if (known === undefined) this.#deletedUnseen.set(snapshot.id, datedOf(snapshot));
    else known.isReplacing = false;
  }

  /** It will be saved under another ID with other pins. */
  replacing(id: ManifestID): void {
    const known = this.#snapshots.get(id);
    if (known?.state !== 'live') return;
    this.#become(known, 'doubtful');
    known.isReplacing = true;
  }

  /** Retention removed it, and that was acknowledged. */
  expired(id: ManifestID): void {
    const known = this.#snapshots.get(id);
    if (known?.isPinned === true) throw new Error(`${describe(known)} is pinned and was expired`);
    this.deleted(id);
  }

  /** The deletion was acknowledged. */
  deleted(id: ManifestID): void {
    const known = this.#snapshots.get(id);
    if (known !== undefined) this.#become(known, 'gone');
    this.#saved.delete(id);
  }

  keepsLatest(path: string, count: number): void {
    this.#leastKept.set(path, Math.min(count, this.#leastKept.get(path) ?? count));
  }

  /** The contents of every snapshot that must be there. */
  needed(): ReadonlySet<ContentID> {
    this.#needed ??= this.#contentsOf(({ state }) => state === 'live');
    return this.#needed;
  }

  /** The contents of every snapshot that was there at the last look. */
  stored(): ReadonlySet<ContentID> {
    return this.#contentsOf(({ state }) => state !== 'gone');
  }

  #contentsOf(counts: (snapshot: Expected) => boolean): ReadonlySet<ContentID> {
    const contents = new Set<ContentID>();
    for (const snapshot of this.#snapshots.values()) {
      if (counts(snapshot)) for (const id of snapshot.needed) contents.add(id);
    }
    return contents;
  }

  /** Acknowledged since the last look. */
  get hasNews(): boolean {
    return this.#saved.size > 0;
  }

  get liveCount(): number {
    return [...this.#snapshots.values()].filter(({ state }) => state === 'live').length;
  }

  get restoredCount(): number {
    return this.#restored;
  }

  #restored = 0;

  /** Compares with what a reader finds that has seen nothing before; `all` restores what was restored before, too. */
  async check(repository: OpenWritableRepository, all: boolean): Promise<void> {
    const listed = new Map<ManifestID, SnapshotManifest>();
    for (const snapshot of await listSnapshots(repository)) listed.set(snapshot.id, snapshot);
    for (const snapshot of listed.values()) await this.#see(repository, snapshot);
    for (const [id, what] of this.#saved) {
      if (!listed.has(id) && !this.#deletedUnseen.has(id)) {
        throw new Error(`snapshot ${id} (${what}) was acknowledged and is not there`);
      }
    }
    this.#saved.clear();
    for (const expected of this.#snapshots.values()) {
      const snapshot = listed.get(expected.id);
      if (snapshot === undefined) this.#miss(expected);
      else if (all || !expected.isRestored) await this.#restore(repository, snapshot, expected);
    }
  }

  async #see(repository: OpenWritableRepository, snapshot: SnapshotManifest): Promise<void> {
    const known = this.#snapshots.get(snapshot.id);
    if (known?.state === 'gone') throw new Error(`${describe(known)} was deleted and is back`);
    if (known !== undefined) return;
    const { id, rootEntry, tags } = snapshot;
    const attempt = this.#attempts[Number(tags[ATTEMPT_TAG])];
    if (attempt === undefined) throw new Error(`snapshot ${id} of nobody knows what`);
    const needed = new Set<ContentID>();
    await addNeeded(repository, rootEntry!, needed);
    this.#needed = undefined;
    this.#snapshots.set(id, {
      ...datedOf(snapshot),
      id,
      attempt,
      needed,
      state: this.#deletedUnseen.has(id) ? 'doubtful' : 'live',
      isReplacing: false,
      isRestored: false,
    });
  }

  #miss(expected: Expected): void {
    if (expected.state === 'live' && (expected.isPinned || !this.#mayExpire(expected))) {
      throw new Error(`${describe(expected)} is not there any more`);
    }
    if (expected.state === 'doubtful' && this.#isLost(expected)) {
      throw new Error(`${describe(expected)} was to get other pins and is gone`);
    }
    this.#become(expected, 'gone');
  }

  /** Its replacement was never seen, and nobody had a reason to remove that either. */
  #isLost(expected: Expected): boolean {
    if (!expected.isReplacing || this.#deletedUnseen.size > 0) return false;
    if (this.#mayExpire(expected)) return false;
    const { attempt, path, startTime } = expected;
    const all = [...this.#snapshots.values()];
    return !all
      .slice(all.indexOf(expected) + 1)
      .some(
        (later) =>
          later.attempt === attempt && later.path === path && later.startTime === startTime,
      );
  }

  /** By its age alone, whatever its pins. */
  #mayExpire({ path, startTime, isComplete }: Dated): boolean {
    if (!isComplete) return true;
    const unseen = [...this.#deletedUnseen].filter(([id]) => !this.#snapshots.has(id));
    const others = [...this.#snapshots.values(), ...unseen.map(([, dated]) => dated)];
    const newer = others.filter(
      (other) => other.path === path && other.isComplete && other.startTime > startTime,
    );
    return newer.length >= (this.#leastKept.get(path) ?? Infinity);
  }

  async #restore(
    repository: OpenWritableRepository,
    { rootEntry }: SnapshotManifest,
    expected: Expected,
  ): Promise<void> {
    await using output = new RecordingOutput();
    await restoreSnapshot(repository, rootEntry!, output);
    const files = new Map<string, string>();
    for (const [path, line] of output.entries) {
      const [kind, , mtime, , , length, hash] = line.split(' ');
      if (kind === 'f') files.set(path.slice(2), `${mtime} ${length} ${hash}`);
    }
    const { tree } = expected.attempt;
    for (const path of expected.isComplete
      ? new Set([...tree.keys(), ...files.keys()])
      : files.keys()) {
      const file = tree.get(path);
      const line = file && `${file.mtime} ${file.bytes.length} ${sha256(file.bytes)}`;
      if (files.get(path) !== line) {
        throw new Error(`${describe(expected)}: ${path} is ${files.get(path)}, not ${line}`);
      }
    }
    expected.isRestored = true;
    this.#restored += 1;
  }

  #become(expected: Expected, state: State): void {
    expected.state = state;
    this.#needed = undefined;
  }
}

const hashes = new WeakMap<Uint8Array, string>();

function sha256(bytes: Uint8Array): string {
  const hash = hashes.get(bytes) ?? createHash('sha256').update(bytes).digest('hex');
  hashes.set(bytes, hash);
  return hash;
}

function datedOf({ source, startTime, incomplete, pins }: SnapshotManifest): Dated {
  return {
    path: source.path,
    startTime,
    isComplete: incomplete === undefined,
    isPinned: pins.length > 0,
  };
}

function describe({ id, attempt, path, isComplete }: Expected): string {
  return `snapshot ${id} (${isComplete ? `#${attempt.number}` : 'checkpoint'} of ${path})`;
}

async function addNeeded(
  repository: OpenWritableRepository,
  entry: DirEntry,
  needed: Set<ContentID>,
): Promise<void> {
  for await (const id of repository.verifyObject(entry.objectID!)) needed.add(id);
  if (entry.type !== 'd') return;
  const { entries } = await readEntryDirectory(repository, entry);
  for (const child of entries) await addNeeded(repository, child, needed);
}
