import {
  encodeGoJSON,
  encodeUtf8,
  LongshoreError,
  objectReference,
  parseGoJSON,
  type ContentInfo,
  type ContentReader,
  type Labels,
  type Manifest,
  type ManifestEntry,
  type ManifestID,
  type ObjectID,
  type ObjectReader,
  type RepositoryWriter,
} from '@longshore/repo';

interface FakeManifest {
  readonly entry: ManifestEntry;
  /** As a real repository stores it. */
  readonly json: string;
}

/** For tests: manifests and objects in memory, with the parts of a repository that this package's core reads. */
export class FakeRepository {
  readonly objects: Map<ObjectID, Uint8Array> = new Map();
  readonly opened: ObjectID[] = [];
  #manifests: readonly FakeManifest[] = [];
  #count = 0;

  /** The fake as a repository. Calls of anything that it lacks fail. */
  get writer(): RepositoryWriter {
    return this as unknown as RepositoryWriter;
  }

  /** The stored JSON of each manifest, in the order in which they were put. */
  get payloads(): readonly string[] {
    return this.#manifests.map(({ json }) => json);
  }

  /** One content each, whatever the prefix of the object. */
  get contents(): Pick<ContentReader, 'contentInfo'> {
    const known = new Map(
      [...this.objects].map(([id, data]) => [objectReference(id).contentID, data]),
    );
    return {
      contentInfo: (contentID) => {
        const data = known.get(contentID);
        return data && ({ contentID, originalLength: data.length } as ContentInfo);
      },
    };
  }

  async openObject(id: ObjectID): Promise<ObjectReader> {
    this.opened.push(id);
    const data = this.objects.get(id);
    if (data === undefined) throw new LongshoreError('OBJECT_NOT_FOUND', `no object ${id}`);
    return {
      length: data.length,
      read: async ({ offset, length }) => data.slice(offset, offset + length),
      async *stream() {
        yield data.slice();
      },
      async [Symbol.asyncDispose]() {},
    };
  }

  async findManifests(labels: Labels): Promise<readonly ManifestEntry[]> {
    return this.#manifests
      .map(({ entry }) => entry)
      .filter((entry) =>
        Object.entries(labels).every(([name, value]) => entry.labels[name] === value),
      );
  }

  async getManifest(id: ManifestID): Promise<Manifest> {
    const manifest = this.#manifests.find(({ entry }) => entry.id === id);
    if (manifest === undefined) {
      throw new LongshoreError('MANIFEST_NOT_FOUND', `no manifest ${id}`);
    }
    return {
      entry: manifest.entry,
      payload: parseGoJSON(encodeUtf8(manifest.json), `manifest ${id}`),
    };
  }

  async putManifest(labels: Labels, payload: object): Promise<ManifestID> {
    const json = encodeGoJSON(payload);
    this.#count += 1;
    const id = this.#count.toString(16).padStart(32, '0') as ManifestID;
    const entry = { id, labels, modified: BigInt(this.#count), length: json.length };
    this.#manifests = [...this.#manifests, { entry, json }];
    return id;
  }

  async replaceManifests(labels: Labels, payload: object): Promise<ManifestID> {
    for (const { id } of await this.findManifests(labels)) await this.deleteManifest(id);
    return this.putManifest(labels, payload);
  }

  async deleteManifest(id: ManifestID): Promise<void> {
    this.#manifests = this.#manifests.filter(({ entry }) => entry.id !== id);
  }
}
