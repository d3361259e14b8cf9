import type { AbortOptions } from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import {
  NANOSECONDS_PER_SECOND,
  type Clock,
  type EpochNanoseconds,
  type RandomSource,
} from '../clock.ts';
import type { CompressorTable } from '../compression/compressor-table.ts';
import type { ContentID } from '../content/content-id.ts';
import type { ContentManager } from '../content/content-manager.ts';
import type { ContentReader } from '../content/content-reader.ts';
import { LongshoreError } from '../errors.ts';
import { encodeGoJSON, parseGoJSON } from '../format/go-json.ts';
import type { Labels, Manifest, ManifestEntry, ManifestID } from '../repository-contract.ts';
import {
  encodeManifestContent,
  parseManifestContent,
  type StoredManifest,
} from './manifest-content.ts';
import { newManifestID } from './manifest-id.ts';

/** A writer that finds this many manifest contents merges them into one. Kopia's number. */
const COMPACTION_THRESHOLD = 16;

/** No client can commit by a view of the repository that is older: a write session is too old by then. */
const TOMBSTONE_AGE: EpochNanoseconds = 96n * 3600n * NANOSECONDS_PER_SECOND;

/** Each one finds a newer index than the one before. */
const MAX_ATTEMPTS = 3;

const PREFIX = 'm';
const COMPRESSOR = 'zstd-fastest';

export interface ManifestEnvironment {
  readonly compressors: CompressorTable;
  readonly clock: Clock;
  readonly random: RandomSource;
}

/** What the manifest contents of a repository say, merged: of each ID the latest entry. */
class MergedManifests {
  readonly contents: ReadonlySet<ContentID>;
  readonly entries: ReadonlyMap<ManifestID, StoredManifest>;

  constructor(contents: ReadonlySet<ContentID>, entries: ReadonlyMap<ManifestID, StoredManifest>) {
    this.contents = contents;
    this.entries = entries;
  }
}

/** Finds and reads manifests: small JSON documents under labels. */
export class ManifestReader {
  protected readonly environment: ManifestEnvironment;
  readonly #contents: ContentReader;
  #merged: MergedManifests | undefined;

  constructor(contents: ContentReader, environment: ManifestEnvironment) {
    this.#contents = contents;
    this.environment = environment;
  }

  /** Those that have all of `labels`, oldest first. */
  async find(labels: Labels, options: AbortOptions = {}): Promise<readonly ManifestEntry[]> {
    const wanted = Object.entries(labels);
    const found: ManifestEntry[] = [];
    for (const stored of await this.known(options)) {
      if (!stored.deleted && wanted.every(([name, value]) => stored.labels[name] === value)) {
        found.push(manifestEntry(stored));
      }
    }
    return found.sort((a, b) => compareManifestEntries(a, b));
  }

  async get(id: ManifestID, options: AbortOptions = {}): Promise<Manifest> {
    const stored = await this.lookUp(id, options);
    if (stored === undefined || stored.deleted) {
      throw new LongshoreError('MANIFEST_NOT_FOUND', `no manifest ${id} in the repository`, {
        manifestID: id,
      });
    }
    const payload = parseGoJSON(encodeUtf8(stored.payload), `manifest ${id}`);
    return { entry: manifestEntry(stored), payload };
  }

  protected async lookUp(
    id: ManifestID,
    options: AbortOptions,
  ): Promise<StoredManifest | undefined> {
    return (await this.committed(options)).entries.get(id);
  }

  /** The latest entry of each ID, deletions included. */
  protected async known(options: AbortOptions): Promise<Iterable<StoredManifest>> {
    return (await this.committed(options)).entries.values();
  }

  /**
   * Reads the manifest contents unless they are the ones already read. What other clients have merged meanwhile, and
   * what maintenance has removed since, is missed while it is read, by which the index is up to date: once more.
   */
  protected async committed(options: AbortOptions): Promise<MergedManifests> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#readCommitted(options);
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !this.#isOutdated(error)) throw error;
      }
    }
  }

  /** True if the failure is that of a content which the index does not name any more. */
  #isOutdated(error: unknown): boolean {
    if (!(error instanceof LongshoreError) || error.code !== 'CONTENT_NOT_FOUND') return false;
    for (const { contentID } of this.#contents.iterateContents({ prefix: PREFIX })) {
      if (contentID === error.facts.contentID) return false;
    }
    return true;
  }

  async #readCommitted(options: AbortOptions): Promise<MergedManifests> {
    const ids = new Set<ContentID>();
    for (const info of this.#contents.iterateContents({ prefix: PREFIX })) ids.add(info.contentID);
    const known = this.#merged;
    if (known !== undefined && ids.size === known.contents.size && ids.isSubsetOf(known.contents)) {
      return known;
    }
    // What is gone was merged elsewhere or deleted with its entries: start over. What is new adds.
    const additive = known !== undefined && known.contents.isSubsetOf(ids);
    const entries = new Map(additive ? known.entries : []);
    const fresh = additive ? ids.difference(known.contents) : ids;
    await this.#contents.readContents(
      fresh,
      (id, data) => {
        const what = `manifest content ${id}`;
        for (const stored of parseManifestContent(data, this.environment.compressors, what)) {
          mergeManifest(entries, stored);
        }
      },
      options,
    );
    this.#merged = new MergedManifests(ids, entries);
    return this.#merged;
  }
}

/** Reads, and collects changes that one content holds when `writePending` is called. */
export class ManifestWriter extends ManifestReader {
  readonly #contents: ContentManager;
  readonly #pending: Map<ManifestID, StoredManifest> = new Map();
  #compactionChecked = false;

  constructor(contents: ContentManager, environment: ManifestEnvironment) {
    super(contents, environment);
    this.#contents = contents;
  }

  put(labels: Labels, payload: object): ManifestID {
    if ((labels['type'] ?? '') === '') {
      throw new LongshoreError('INVALID_ARGUMENT', 'a manifest needs the label "type"');
    }
    const id = newManifestID(this.environment.random);
    this.#pending.set(id, {
      id,
      labels: { ...labels },
      modified: this.environment.clock(),
      deleted: false,
      payload: encodeGoJSON(payload),
    });
    return id;
  }

  /** Manifests with further labels are somebody else's and stay. */
  async replace(labels: Labels, payload: object): Promise<ManifestID> {
    const labelCount = Object.keys(labels).length;
    for (const entry of await this.find(labels)) {
      if (Object.keys(entry.labels).length === labelCount) await this.delete(entry.id);
    }
    return this.put(labels, payload);
  }

  async delete(id: ManifestID): Promise<void> {
    const stored = await this.lookUp(id, {});
    if (stored === undefined || stored.deleted) return;
    const now = this.environment.clock();
    // A tombstone hides only what is older than it.
    const modified = now > stored.modified ? now : stored.modified + 1n;
    this.#pending.set(id, { id, labels: {}, modified, deleted: true, payload: 'null' });
  }

  /**
   * Writes what is pending as one content. The first time, it also merges all manifest contents into one
   * if there are many: the caller commits both with the same index write.
   */
  async writePending(options: AbortOptions = {}): Promise<void> {
    if (this.#pending.size === 0) return;
    if (await this.#compact(options)) return;
    const written = new Map(this.#pending);
    await this.#writeContent(written.values(), options);
    this.#forget(written);
  }

  /** Drops what was not written. */
  abandon(): void {
    this.#pending.clear();
  }

  protected override async lookUp(
    id: ManifestID,
    options: AbortOptions,
  ): Promise<StoredManifest | undefined> {
    return this.#pending.get(id) ?? super.lookUp(id, options);
  }

  protected override async known(options: AbortOptions): Promise<Iterable<StoredManifest>> {
    const entries = new Map((await this.committed(options)).entries);
    for (const stored of this.#pending.values()) mergeManifest(entries, stored);
    return entries.values();
  }

  async #compact(options: AbortOptions): Promise<boolean> {
    if (this.#compactionChecked) return false;
    this.#compactionChecked = true;
    const { contents } = await this.committed(options);
    if (contents.size < COMPACTION_THRESHOLD) return false;
    // In this order: what is put in between is written twice rather than not at all.
    const written = new Map(this.#pending);
    // Old tombstones go with the contents that held what they hide. Others stay: another client may be merging some of
    // these contents now, without having seen the tombstone, and what it keeps has to be hidden from there too.
    const hidesSince = this.environment.clock() - TOMBSTONE_AGE;
    const kept = [...(await this.known(options))].filter(
      ({ deleted, modified }) => !deleted || modified > hidesSince,
    );
    const survivor = await this.#writeContent(kept, options);
    // All in one commit: with some of them gone, tombstones would be missing for what the others hold.
    const merged = [...contents].filter((id) => id !== survivor);
    await this.#contents.deleteContents(merged, options);
    this.#forget(written);
    return true;
  }

  #writeContent(entries: Iterable<StoredManifest>, options: AbortOptions): Promise<ContentID> {
    const { compressors } = this.environment;
    const data = encodeManifestContent(entries, compressors);
    // Kopia asks for it on top of gzip, where it hardly ever gains anything: not missed where it cannot be written.
    const compressor =
      compressors.byName(COMPRESSOR).compress === undefined ? undefined : COMPRESSOR;
    return this.#contents.writeContent(data, { ...options, prefix: PREFIX, compressor });
  }

  #forget(written: ReadonlyMap<ManifestID, StoredManifest>): void {
    for (const [id, stored] of written) {
      if (this.#pending.get(id) === stored) this.#pending.delete(id);
    }
  }
}

function mergeManifest(entries: Map<ManifestID, StoredManifest>, stored: StoredManifest): void {
  const known = entries.get(stored.id);
  if (known === undefined || stored.modified > known.modified) entries.set(stored.id, stored);
}

function manifestEntry({ id, labels, modified, payload }: StoredManifest): ManifestEntry {
  return { id, labels, modified, length: encodeUtf8(payload).length };
}

/** By `modified`, then by ID. */
function compareManifestEntries(a: ManifestEntry, b: ManifestEntry): number {
  if (a.modified !== b.modified) return a.modified < b.modified ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
