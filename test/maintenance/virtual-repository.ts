import {
  createMemoryStorage,
  createRepository,
  decodeUtf8,
  defaultMaintenanceParameters,
  encodeUtf8,
  MAINTENANCE_LABELS,
  maintenanceParametersJSON,
  openRepository,
  setParameters,
  writeSession,
  type Algorithms,
  type BlobStorage,
  type CreateOptions,
  type MaintenanceParameters,
  type MemoryStorage,
  type OpenWritableRepository,
  type RepositoryWriter,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import {
  listSnapshots,
  maintainRepository,
  readEntryDirectory,
  saveSnapshot,
  type DirEntry,
  type MaintainOptions,
  type SnapshotManifest,
} from '@longshore/snapshot';
import { createManualTime, type ManualTime } from '../../packages/repo/src/blob/manual-time.ts';
import type { EpochParameters } from '../../packages/repo/src/format/parameters.ts';
import { EMPTY_STATS } from '../../packages/snapshot/src/snapshot-manifest.ts';
import { dir, file, storeTree } from '../../packages/snapshot/src/tree-fixture.ts';

export const SECOND = 1_000_000_000n;
export const MINUTE = 60n * SECOND;
export const HOUR = 60n * MINUTE;
export const DAY = 24n * HOUR;

/** Names and texts of the files of one directory. */
export type Files = Readonly<Record<string, string>>;

export const PASSWORD = 'virtual';

/** Kopia's smallest. */
const MAX_PACK_SIZE = 10 * 1024 * 1024;

export interface VirtualRepositoryOptions {
  readonly version?: 1 | 2 | 3;
  readonly create?: Partial<CreateOptions>;
  readonly parameters?: Partial<MaintenanceParameters>;
  readonly epochs?: Partial<EpochParameters>;
  /** Keys come from the password, slowly, so that another program can open the repository. Default false. */
  readonly derivesKeys?: boolean;
}

/** A repository in memory on a virtual clock, used by several clients. */
export class VirtualRepository {
  readonly time: ManualTime;
  readonly storage: MemoryStorage;
  readonly algorithms: Algorithms;

  private constructor(time: ManualTime, storage: MemoryStorage, algorithms: Algorithms) {
    this.time = time;
    this.storage = storage;
    this.algorithms = algorithms;
  }

  static async create(options: VirtualRepositoryOptions = {}): Promise<VirtualRepository> {
    const time = createManualTime();
    const storage = createMemoryStorage({ clock: time.clock });
    const { version = 3, create = {}, parameters = {}, epochs, derivesKeys = false } = options;
    const native = nativeAlgorithms();
    const virtual = new VirtualRepository(time, storage, derivesKeys ? native : fixedKeys(native));
    await using repository = await createRepository({
      ...create,
      ...virtual.#openOptions('owner'),
      storage,
      version,
      maxPackSize: MAX_PACK_SIZE,
    });
    await writeSession(repository, {}, async (writer) => {
      const stored = { ...defaultMaintenanceParameters('owner@host'), ...parameters };
      await writer.replaceManifests(MAINTENANCE_LABELS, maintenanceParametersJSON(stored));
    });
    if (epochs !== undefined) {
      const { formatManager } = repository;
      const epochParameters = { ...formatManager.current().epochParameters, ...epochs };
      await setParameters(formatManager, { epochParameters }, { storage, clock: time.clock });
    }
    return virtual;
  }

  /** A copy of everything as it is now, the time included. */
  async clone(): Promise<VirtualRepository> {
    const time = createManualTime(this.time.clock());
    const storage = createMemoryStorage({ clock: time.clock });
    for await (const { id, timestamp } of this.storage.listBlobs('')) {
      await storage.putBlob(id, await this.storage.getBlob(id));
      storage.setTimestamp(id, timestamp);
    }
    return new VirtualRepository(time, storage, this.algorithms);
  }

  /** The same time and keys over another storage. */
  over(storage: BlobStorage, user = 'owner'): Promise<OpenWritableRepository> {
    return openRepository({ ...this.#openOptions(user), storage });
  }

  open(user = 'owner'): Promise<OpenWritableRepository> {
    return this.over(this.storage, user);
  }

  #openOptions(
    userName: string,
  ): Pick<CreateOptions, 'password' | 'algorithms' | 'clock' | 'sleep' | 'identity'> {
    const { clock, sleep } = this.time;
    const identity = { userName, hostName: 'host' };
    return { password: PASSWORD, algorithms: this.algorithms, clock, sleep, identity };
  }

  /** Maintains as the owner, with a client of its own. */
  async maintain(options: MaintainOptions = { mode: 'full' }): Promise<void> {
    await using repository = await this.open();
    await maintainRepository(repository, options);
  }

  async snapshot(files: Files, path = '/data'): Promise<SnapshotManifest> {
    await using repository = await this.open('writer');
    return await writeSession(repository, {}, (writer) => snapshotFiles(writer, files, path));
  }

  async deleteSnapshot({ id }: SnapshotManifest): Promise<void> {
    await using repository = await this.open('writer');
    await writeSession(repository, {}, (writer) => writer.deleteManifest(id));
  }

  /** Every snapshot with its files, read by a client that has seen nothing before. */
  async read(): Promise<ReadonlyMap<string, Files>> {
    await using repository = await this.open('reader');
    const all = new Map<string, Files>();
    for (const { id, rootEntry } of await listSnapshots(repository)) {
      all.set(id, await readFiles(repository, rootEntry!));
    }
    return all;
  }

  /** Flips a bit of a stored directory; the function undoes it. */
  async damageDirectory(): Promise<() => Promise<unknown>> {
    await using repository = await this.open('vandal');
    const [directory] = repository.contents.iterateContents({ prefix: 'k' });
    const { packBlobID, packOffset } = directory!;
    const sound = await this.storage.getBlob(packBlobID);
    const damaged = sound.slice();
    damaged[packOffset + 5]! ^= 1;
    const { timestamp } = await this.storage.getMetadata(packBlobID);
    const put = async (bytes: Uint8Array): Promise<void> => {
      await this.storage.putBlob(packBlobID, bytes);
      this.storage.setTimestamp(packBlobID, timestamp);
    };
    await put(damaged);
    return () => put(sound);
  }

  async names(prefix = ''): Promise<readonly string[]> {
    const ids: string[] = [];
    for await (const { id } of this.storage.listBlobs(prefix)) ids.push(id);
    return ids.toSorted();
  }

  /** Bytes of packs. */
  async packBytes(): Promise<number> {
    let bytes = 0;
    for (const prefix of ['p', 'q']) {
      for await (const { length } of this.storage.listBlobs(prefix)) bytes += length;
    }
    return bytes;
  }
}

/** Deriving a key from a password is slow by design, and not what is tested here. */
function fixedKeys(algorithms: Algorithms): Algorithms {
  return { ...algorithms, deriveFormatKey: async () => new Uint8Array(32).fill(7) };
}

/** Stores a directory of files and a snapshot of it; the writer's flush makes it permanent. */
export async function snapshotFiles(
  writer: RepositoryWriter,
  files: Files,
  path: string,
): Promise<SnapshotManifest> {
  return saveRoot(writer, await storeFiles(writer, files), path);
}

export function storeFiles(writer: RepositoryWriter, files: Files): Promise<DirEntry> {
  const nodes = Object.entries(files).map(([name, text]) => [name, file(text)] as const);
  return storeTree(writer, dir(nodes));
}

export function saveRoot(
  writer: RepositoryWriter,
  rootEntry: DirEntry | undefined,
  path: string,
): Promise<SnapshotManifest> {
  return saveSnapshot(writer, {
    source: { host: 'host', userName: 'writer', path },
    description: '',
    startTime: 1n,
    endTime: 2n,
    stats: EMPTY_STATS,
    rootEntry,
    tags: {},
    pins: [],
  });
}

async function readFiles(repository: OpenWritableRepository, root: DirEntry): Promise<Files> {
  const files: Record<string, string> = {};
  for (const { name, objectID } of (await readEntryDirectory(repository, root)).entries) {
    await using reader = await repository.openObject(objectID!);
    const bytes = await reader.read({ offset: 0, length: reader.length });
    files[name] = decodeUtf8(bytes, name);
  }
  return files;
}

/** A text of this many characters that nothing else has. */
export function uniqueText(seed: string, length = 300): string {
  return encodeUtf8(seed).join('-').repeat(length).slice(0, length) + seed;
}
