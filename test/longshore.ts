import {
  createRepository,
  createSystemClock,
  openRepository,
  parseManifestID,
  systemSleep,
  webRandomSource,
  writeSession,
  type ClientIdentity,
  type CreateOptions,
  type OpenWritableRepository,
  type RepositoryWriter,
} from '@longshore/repo';
import { nativeAlgorithms, nativeEngine, openFilesystemStorage } from '@longshore/repo/node';
import {
  createSnapshot,
  initializeRepository,
  listSnapshots,
  loadPolicyTree,
  restoreSnapshot,
  uploadTree,
  verifySnapshots,
  type CreatedSnapshot,
  type CreateSnapshotOptions,
  type DirectoryEntry,
  type FileEntry,
  type SnapshotDraft,
  type SnapshotManifest,
  type SourceInfo,
  type VerifyResult,
} from '@longshore/snapshot';
import { openLocalEntry, openLocalOutput } from '@longshore/snapshot/node';
import { runMaintenance, type MaintenanceResult } from '../packages/repo/src/maintenance/run.ts';
import { snapshotGCTask } from '../packages/snapshot/src/gc/snapshot-gc.ts';

/** Fewer than a machine may have: several test files run at once. */
const WORKERS = 2;

/** The default of `KopiaClient`: its owner of maintenance is also ours. */
const TESTER: ClientIdentity = { userName: 'tester', hostName: 'kopia-host' };

const algorithms = nativeAlgorithms();

export interface LongshoreClientOptions {
  /** Folder of the repository. */
  readonly path: string;
  readonly password: string;
  /** True: contents are prepared on worker threads. */
  readonly threads?: boolean;
}

/** This engine over a repository in a folder: what the tests compare Kopia with. */
export class LongshoreClient implements AsyncDisposable {
  readonly repository: OpenWritableRepository;

  private constructor(repository: OpenWritableRepository) {
    this.repository = repository;
  }

  /** Creates a repository with all that Kopia's own `repository create` stores. */
  static async create(
    options: LongshoreClientOptions &
      Partial<Omit<CreateOptions, 'storage' | 'password'>> & { readonly owner?: ClientIdentity },
  ): Promise<LongshoreClient> {
    const { path, password, threads, owner = TESTER, ...format } = options;
    const repository = await createRepository({
      ...format,
      ...engineOptions(threads),
      identity: owner,
      storage: await openFilesystemStorage({ path }),
      password,
    });
    await writeSession(repository, {}, (writer) => initializeRepository(writer, owner));
    return new LongshoreClient(repository);
  }

  static async open(options: LongshoreClientOptions): Promise<LongshoreClient> {
    const { path, password, threads } = options;
    const storage = await openFilesystemStorage({ path });
    return new LongshoreClient(
      await openRepository({ ...engineOptions(threads), identity: TESTER, storage, password }),
    );
  }

  write<T>(work: (writer: RepositoryWriter) => Promise<T>): Promise<T> {
    return writeSession(this.repository, {}, work);
  }

  snapshot(
    tree: string,
    source: SourceInfo,
    options: Partial<CreateSnapshotOptions> = {},
  ): Promise<CreatedSnapshot> {
    const root = rootEntry(tree);
    return this.write((writer) => createSnapshot(writer, root, { ...options, source }));
  }

  /** Stores a tree by the policies of `source` and saves no snapshot. What `previous` lacks is read. */
  upload(
    tree: string,
    source: SourceInfo,
    previous: readonly SnapshotManifest[] = [],
  ): Promise<SnapshotDraft> {
    const root = rootEntry(tree);
    return this.write(async (writer) =>
      uploadTree(writer, root, {
        source,
        previous,
        policy: await loadPolicyTree(writer, source),
        clock: createSystemClock(),
        random: webRandomSource,
        sleep: systemSleep,
        defaultParallelism: 4,
      }),
    );
  }

  async snapshots(): Promise<readonly SnapshotManifest[]> {
    await this.repository.refresh();
    return listSnapshots(this.repository);
  }

  async deleteSnapshot(id: string): Promise<void> {
    await this.write((writer) => writer.deleteManifest(parseManifestID(id)));
  }

  async restore({ rootEntry: root }: SnapshotManifest, target: string): Promise<void> {
    if (root === undefined) throw new Error('the snapshot has no root');
    await using output = openLocalOutput(target);
    await restoreSnapshot(this.repository, root, output);
  }

  /** Walks every snapshot and reads every byte of every file; the damage that was found. */
  async verify(): Promise<VerifyResult> {
    const roots = (await this.snapshots()).flatMap(({ id, rootEntry: entry }) =>
      entry === undefined ? [] : [{ name: id, entry }],
    );
    return verifySnapshots(this.repository, roots, { verifyFilesPercent: 100, maxErrors: -1 });
  }

  /** Full maintenance that waits for nobody, as `kopia maintenance run --full --safety=none`. */
  async maintain(): Promise<MaintenanceResult> {
    await this.repository.refresh();
    return runMaintenance(this.repository, {
      mode: 'full',
      safety: 'none',
      snapshotGC: snapshotGCTask,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.repository[Symbol.asyncDispose]();
  }
}

function rootEntry(tree: string): DirectoryEntry | FileEntry {
  const root = openLocalEntry(tree);
  if (root.type !== 'd' && root.type !== 'f') throw new Error(`${tree} is no tree`);
  return root;
}

function engineOptions(
  threads = false,
): Pick<CreateOptions, 'algorithms'> & Partial<Pick<CreateOptions, 'engine'>> {
  return threads ? { algorithms, engine: nativeEngine({ workers: WORKERS }) } : { algorithms };
}
