/** One version of an object, or the mark of its deletion, as a listing of versions tells it. */
export interface ObjectVersion {
  readonly key: string;
  readonly versionID: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Bytes; undefined: it says that the object was deleted. */
  readonly length: number | undefined;
  /** Nothing came after it. */
  readonly isLatest: boolean;
}

/** Version of an object that was there. */
export type PresentVersion = ObjectVersion & { readonly length: number };

/**
 * Which version of each object counted at a moment. Versions come page by page in the order of their keys; those of one
 * key may spread over pages. Holds the keys of one page.
 */
export class VersionsAt {
  readonly #moment: number;
  readonly #newest: Map<string, ObjectVersion> = new Map();

  /** Milliseconds since 1970. */
  constructor(moment: number) {
    this.#moment = moment;
  }

  add(version: ObjectVersion): void {
    if (version.time > this.#moment) return;
    const known = this.#newest.get(version.key);
    if (known === undefined || isNewer(version, known)) this.#newest.set(version.key, version);
  }

  /** What was there of all keys whose versions have come, and forgets them; `nextKey` may have more. */
  *take(nextKey: string | undefined): Generator<PresentVersion, void, void> {
    for (const [key, version] of this.#newest) {
      if (key === nextKey) continue;
      this.#newest.delete(key);
      if (isPresent(version)) yield version;
    }
  }
}

/**
 * Services with times of whole seconds may give two versions the same one. Those of one kind come newest first; that of a
 * deletion in the same second counts only if nothing came after it: what is read may be there for too long, not gone too
 * early.
 */
function isNewer(version: ObjectVersion, known: ObjectVersion): boolean {
  if (version.time !== known.time) return version.time > known.time;
  if (version.isLatest !== known.isLatest) return version.isLatest;
  return isPresent(version) && !isPresent(known);
}

function isPresent(version: ObjectVersion): version is PresentVersion {
  return version.length !== undefined;
}
