import {
  createRepository,
  createRetryingStorage,
  errorCode,
  loadMaintenanceParameters,
  MAINTENANCE_LABELS,
  maintenanceParametersJSON,
  openRepository,
  setParameters,
  writeSession,
  type Algorithms,
  type BlobStorage,
  type EpochNanoseconds,
  type FormatVersion,
  type OpenOptions,
  type OpenWritableRepository,
} from '@longshore/repo';
import {
  applyRetention,
  changePins,
  createSnapshot,
  EMPTY_POLICY,
  GLOBAL_SOURCE,
  initializeRepository,
  listSnapshots,
  maintainRepository,
  saveSnapshot,
  setPolicy,
  updateSnapshot,
  verifySnapshots,
  type SourceInfo,
} from '@longshore/snapshot';
import { UTC } from '../../../packages/snapshot/src/civil-time.ts';
import { ATTEMPT_TAG, Expectations } from './expectations.ts';
import { Host } from './host.ts';
import { BufferPool, inlineAlgorithms } from './inline-engine.ts';
import { SimulatedProcess, SOUND, type ProcessNature } from './simulated-process.ts';
import { sourceEntry, SourceFiles, type SourceTree } from './source-tree.ts';
import { Chance, DAY, HOUR, MINUTE, SECOND, VirtualWorld } from './virtual-world.ts';
import { MOST_SKEW, WatchedStorage } from './watched-storage.ts';

const MEBIBYTE = 1024 * 1024;
const PASSWORD = 'simulated';

/** Within what two clients may differ by according to Kopia, half of it to either side. */
const USUAL_SKEW = 4n * MINUTE;

/**
 * How long a source may take for one directory. Two collections of maintenance lie four hours apart at least; what an
 * upload that lasts longer has found to be stored, its checkpoints keep.
 */
const LISTING_TIMES = [5n * SECOND, 5n * SECOND, 5n * SECOND, 5n * SECOND, 40n * MINUTE, 7n * HOUR];

const CHECKPOINT_INTERVALS_MS = [600_000, 2_700_000];

/** Days for which the operator of the end runs maintenance: sessions that were cut short are kept for four. */
const DAYS_AFTER = 14;

/** Of those, the last ones, in which nothing new comes: what was rewritten needs the time to leave its old packs. */
const QUIET_DAYS = 5;

/** Bytes in short packs that nothing needs: what the last days left, and what surrounds contents. */
const SLACK = 96 * 1024;

/** A pack that is used by less is rewritten as soon as there are two. */
const SHORT_PACK = 0.6;

const KEEP_NOTHING_ELSE = {
  keepHourly: 0,
  keepDaily: 0,
  keepWeekly: 0,
  keepMonthly: 0,
  keepAnnual: 0,
} as const;

interface Writer {
  readonly host: Host;
  readonly source: SourceInfo;
  tree: SourceTree;
}

export interface HistoryReport {
  /** Equal for two runs in which the same requests went out at the same times. */
  readonly digest: string;
  readonly version: FormatVersion;
  readonly days: number;
  readonly operations: number;
  readonly crashes: number;
  readonly failures: number;
  readonly snapshots: number;
  readonly restores: number;
  /** Snapshots that got pins or lost them. */
  readonly pins: number;
  /** Packs of which a put left a part. */
  readonly tears: number;
}

/** The life of one repository, as one seed decides it. */
export class History {
  /** What happened, a line each. */
  readonly log: string[] = [];
  readonly #world = new VirtualWorld();
  readonly #chance: Chance;
  readonly #server: WatchedStorage;
  readonly #expectations = new Expectations();
  readonly #algorithms: Algorithms;
  readonly #files: SourceFiles;
  readonly #version: FormatVersion;
  readonly #writers: readonly Writer[];
  readonly #owners: readonly Host[];
  readonly #end: EpochNanoseconds;
  readonly #watcher: Host;
  #observer: OpenWritableRepository | undefined;
  #owner = 0;
  #processes = 0;
  #operations = 0;
  #crashes = 0;
  #failures = 0;
  #snapshots = 0;
  #pins = 0;
  #tears = 0;

  constructor(seed: number) {
    const chance = (this.#chance = new Chance(seed));
    const world = this.#world;
    this.#version = chance.pick([1, 3, 1, 3, 2]);
    this.#server = new WatchedStorage(world, chance.pick([1n, SECOND / 1000n, SECOND]));
    this.#server.needed = () => this.#expectations.needed();
    this.#algorithms = inlineAlgorithms(chance.branch().bytes, world.untimed);
    this.#files = new SourceFiles(chance.branch());
    const skew = (): bigint => (chance.happens(0.05) ? MOST_SKEW : USUAL_SKEW);
    const host = (name: string): Host => new Host(name, world, chance, skew());
    this.#writers = ['ann', 'bob', 'cho'].slice(0, 1 + chance.below(3)).map((name) => ({
      host: host(name),
      source: { host: 'host', userName: name, path: `/${name}` },
      tree: new Map(),
    }));
    this.#owners = [host('olga'), host('otto')];
    this.#watcher = new Host('watcher', world, chance, 0n);
    this.#end = world.now + chance.duration(4n * DAY, 16n * DAY);
  }

  async run(): Promise<HistoryReport> {
    const world = this.#world;
    world.afterEvent = async () => {
      await this.#server.look();
      if (this.#expectations.hasNews) await this.#check(false);
    };
    await world.run(this.#play());
    return {
      digest: world.digest(),
      version: this.#version,
      days: Number((this.#end - START_OF_TIME) / DAY),
      operations: this.#operations,
      crashes: this.#crashes,
      failures: this.#failures,
      snapshots: this.#snapshots,
      restores: this.#expectations.restoredCount,
      pins: this.#pins,
      tears: this.#tears,
    };
  }

  async #play(): Promise<void> {
    await this.#found();
    await Promise.all([
      ...this.#writers.map((writer) => this.#liveAs(() => this.#write(writer), 9n * HOUR)),
      this.#liveAs(() => this.#maintain(), 10n * HOUR),
      this.#liveAs(() => this.#administer(), 40n * HOUR),
    ]);
    await this.#check(true);
    await this.#reclaim();
  }

  /** Acts again and again until the time is over, with some time in between. */
  async #liveAs(act: () => Promise<void>, usualPause: bigint): Promise<void> {
    for (;;) {
      const scale = this.#chance.happens(0.2) ? 4n : 1n;
      await this.#wait(this.#chance.duration(MINUTE, (2n * usualPause) / scale));
      if (this.#world.now >= this.#end) return;
      await act();
    }
  }

  #wait(duration: bigint): Promise<void> {
    return new Promise((resolve) => this.#world.at(duration, resolve));
  }

  async #found(): Promise<void> {
    const process = this.#process(this.#owners[0]!, SOUND);
    await this.#expectDone(process, 'creates the repository', async () => {
      const options = { ...this.#options(process), storage: process.storage };
      await using repository = await createRepository({
        ...options,
        version: this.#version,
        splitter: 'FIXED-1M',
        hash: 'HMAC-SHA256-128',
        maxPackSize: 10 * MEBIBYTE,
      });
      await writeSession(repository, {}, async (writer) => {
        await initializeRepository(writer, process.host.identity);
        await setPolicy(writer, GLOBAL_SOURCE, retentionOf(3));
      });
      for (const { source } of this.#writers) this.#expectations.keepsLatest(source.path, 3);
      this.#expectations.keepsLatest('/copies', 3);
    });
    this.#observer = await openRepository({
      ...this.#options(this.#process(this.#watcher, SOUND)),
      clock: () => this.#world.now,
      storage: this.#server.memory,
    });
    await this.#server.watch(this.#observer);
    await this.#changeParameters(this.#owners[0]!, SOUND);
  }

  // What people do.

  async #write(writer: Writer): Promise<void> {
    const chance = this.#chance;
    const process = this.#process(writer.host, this.#nature());
    await this.#expect(process, 'works', async () => {
      await using repository = await this.#open(process);
      const rounds = chance.happens(0.2) ? 1 + chance.below(6) : 1;
      for (let round = 0; round < rounds; round++) {
        if (round > 0) await process.pause(chance.duration(MINUTE, 8n * HOUR));
        await this.#writeOnce(process, repository, writer);
      }
    });
  }

  async #writeOnce(
    process: SimulatedProcess,
    repository: OpenWritableRepository,
    writer: Writer,
  ): Promise<void> {
    const drawn = this.#chance.fraction();
    if (drawn < 0.55) await this.#snapshot(process, repository, writer);
    else if (drawn < 0.63) await this.#pin(process, repository);
    else if (drawn < 0.72) await this.#deleteSnapshot(process, repository);
    else if (drawn < 0.79) await this.#expire(process, repository, writer);
    else if (drawn < 0.86) await this.#copy(process, repository);
    else if (drawn < 0.92) await this.#verify(process, repository);
    else await this.#setPolicy(process, repository, writer);
  }

  async #snapshot(
    process: SimulatedProcess,
    repository: OpenWritableRepository,
    writer: Writer,
  ): Promise<void> {
    const chance = this.#chance;
    if (writer.tree.size === 0 || chance.happens(0.8)) {
      writer.tree = this.#files.changed(writer.tree, this.#world.now);
    }
    const longest = chance.pick(LISTING_TIMES);
    await this.#upload(process, repository, { ...writer, longest });
  }

  async #upload(
    process: SimulatedProcess,
    repository: OpenWritableRepository,
    what: { readonly source: SourceInfo; readonly tree: SourceTree; readonly longest: bigint },
  ): Promise<void> {
    const { source, tree, longest } = what;
    const chance = this.#chance;
    const attempt = this.#expectations.begin(tree);
    this.#say(process, `uploads #${attempt.number} of ${source.path}, ${tree.size} files`);
    const tags = { [ATTEMPT_TAG]: String(attempt.number) };
    await using session = repository.newWriter();
    const root = sourceEntry(tree, () => process.pause(chance.duration(0n, longest)));
    const { snapshot, expired } = await createSnapshot(session, root, {
      source,
      clock: process.clock,
      sleep: process.sleep,
      random: process.chance.bytes,
      localTime: UTC,
      checkpointTags: tags,
      tags,
      checkpointIntervalMs: chance.pick(CHECKPOINT_INTERVALS_MS),
    });
    this.#snapshots += 1;
    for (const { id } of expired) this.#expectations.expired(id);
    if (snapshot !== undefined) this.#expectations.saved(snapshot, `#${attempt.number}`);
    this.#say(process, `saved #${attempt.number} as ${snapshot?.id}, ${expired.length} expired`);
  }

  async #deleteSnapshot(
    process: SimulatedProcess,
    repository: OpenWritableRepository,
  ): Promise<void> {
    const snapshots = await listSnapshots(repository);
    if (snapshots.length === 0) return;
    const snapshot = this.#chance.pick(snapshots);
    const { id } = snapshot;
    this.#say(process, `deletes ${id}`);
    this.#expectations.deleting(snapshot);
    await writeSession(repository, {}, (writer) => writer.deleteManifest(id));
    this.#expectations.deleted(id);
    this.#say(process, `deleted ${id}`);
  }

  async #expire(
    process: SimulatedProcess,
    repository: OpenWritableRepository,
    { source }: Writer,
  ): Promise<void> {
    const expired = await writeSession(repository, {}, (writer) =>
      applyRetention(writer, source, UTC),
    );
    for (const { id } of expired) this.#expectations.expired(id);
    this.#say(process, `expired ${expired.length} of ${source.path}`);
  }

  /** Saved again under another ID, before the old manifest is deleted. */
  async #pin(process: SimulatedProcess, repository: OpenWritableRepository): Promise<void> {
    const snapshots = await listSnapshots(repository);
    if (snapshots.length === 0) return;
    const snapshot = this.#chance.pick(snapshots);
    const { id } = snapshot;
    const isPinned = snapshot.pins.length > 0;
    const change = isPinned ? { remove: snapshot.pins } : { add: ['kept'] };
    const pins = changePins(snapshot.pins, change)!;
    this.#say(process, `${isPinned ? 'unpins' : 'pins'} ${id}`);
    this.#expectations.replacing(id);
    try {
      const updated = await writeSession(repository, {}, (writer) =>
        updateSnapshot(writer, { ...snapshot, pins }),
      );
      this.#pins += 1;
      this.#expectations.deleted(id);
      this.#expectations.saved(updated, `${id} with ${pins.length} pins`);
      this.#say(process, `saved ${id} as ${updated.id}`);
    } finally {
      await this.#check(false);
    }
  }

  /** By reference: what the copy stands on is not uploaded again. */
  async #copy(process: SimulatedProcess, repository: OpenWritableRepository): Promise<void> {
    const snapshots = await listSnapshots(repository);
    const complete = snapshots.filter(({ incomplete }) => incomplete === undefined);
    if (complete.length === 0) return;
    const original = this.#chance.pick(complete);
    const source = { ...original.source, path: '/copies' };
    const copy = await writeSession(repository, {}, (writer) =>
      saveSnapshot(writer, { ...original, source }),
    );
    this.#expectations.saved(copy, `copy of ${original.id}`);
    this.#say(process, `copied ${original.id} as ${copy.id}`);
  }

  /** What a reader listed it can read, though others go on. */
  async #verify(process: SimulatedProcess, repository: OpenWritableRepository): Promise<void> {
    await repository.refresh();
    const snapshots = await listSnapshots(repository);
    await process.pause(this.#chance.duration(0n, 40n * MINUTE));
    const roots = snapshots.map(({ rootEntry, id }) => ({ name: id, entry: rootEntry! }));
    const { errors } = await verifySnapshots(repository, roots, {
      verifyFilesPercent: 100,
      maxErrors: -1,
    });
    this.#say(process, `verified ${roots.length} snapshots: ${errors.length} errors`);
    if (errors.length > 0 && process.truncated === 0) throw errors[0]!.error;
  }

  async #setPolicy(
    process: SimulatedProcess,
    repository: OpenWritableRepository,
    { source }: Writer,
  ): Promise<void> {
    const keepLatest = 1 + this.#chance.below(4);
    this.#expectations.keepsLatest(source.path, keepLatest);
    await writeSession(repository, {}, (writer) =>
      setPolicy(writer, source, retentionOf(keepLatest)),
    );
    this.#say(process, `keeps ${keepLatest} of ${source.path}`);
  }

  async #maintain(): Promise<void> {
    const chance = this.#chance;
    const host = this.#owners[chance.happens(0.95) ? this.#owner : 1 - this.#owner]!;
    const process = this.#process(host, this.#nature());
    const mode = chance.pick(['full', 'full', 'quick', 'auto'] as const);
    const dryRun = chance.happens(0.05);
    await this.#expect(process, `maintains (${dryRun ? 'dry run of ' : ''}${mode})`, async () => {
      await using repository = await this.#open(process);
      const { skipped } = await maintainRepository(repository, {
        mode,
        dryRun,
        lock: host.lockFor(process),
      });
      if (dryRun && process.changes > 0) throw new Error('a dry run changed something');
      if (skipped !== undefined) this.#say(process, `skipped: ${skipped}`);
    });
    await this.#check(false);
  }

  async #administer(): Promise<void> {
    const chance = this.#chance;
    if (chance.happens(0.5)) {
      await this.#changeParameters(this.#owners[this.#owner]!, this.#nature());
      return;
    }
    const next = chance.below(2);
    const process = this.#process(this.#owners[next]!, this.#nature());
    await this.#expect(process, 'takes maintenance over', () => this.#takeOver(process));
    this.#owner = next;
  }

  async #takeOver(process: SimulatedProcess): Promise<void> {
    await using repository = await this.#open(process);
    const parameters = await loadMaintenanceParameters(repository);
    const chance = this.#chance;
    await writeSession(repository, {}, (writer) =>
      writer.replaceManifests(
        MAINTENANCE_LABELS,
        maintenanceParametersJSON({
          ...parameters,
          owner: process.host.owner,
          quick: { enabled: true, intervalNanoseconds: chance.duration(10n * MINUTE, 4n * HOUR) },
          full: { enabled: true, intervalNanoseconds: chance.duration(HOUR, 30n * HOUR) },
        }),
      ),
    );
  }

  async #changeParameters(host: Host, nature: ProcessNature): Promise<void> {
    const chance = this.#chance;
    const process = this.#process(host, nature);
    await this.#expect(process, 'changes parameters', async () => {
      await using repository = await this.#open(process);
      const { formatManager } = repository;
      const epochRefreshFrequency = chance.duration(3n * MINUTE, 20n * MINUTE);
      const least = 3n * epochRefreshFrequency;
      const epochParameters = {
        epochRefreshFrequency,
        minEpochDuration: chance.duration(least < 10n * MINUTE ? 10n * MINUTE : least, 24n * HOUR),
        cleanupSafetyMargin: chance.duration(least, 6n * HOUR),
        epochAdvanceOnCountThreshold: 10 + chance.below(10),
        fullCheckpointFrequency: 1 + chance.below(7),
      };
      await setParameters(
        formatManager,
        {
          maxPackSize: (10 + chance.below(11)) * MEBIBYTE,
          ...(formatManager.current().epochParameters.enabled ? { epochParameters } : {}),
        },
        { storage: process.storage, clock: process.clock },
      );
    });
  }

  // How they do it.

  /** Most are well; some fail, some die, some get less than they asked for. */
  #nature(): ProcessNature {
    const chance = this.#chance;
    return {
      failures: chance.happens(0.35) ? chance.pick([0.003, 0.02, 0.1]) : 0,
      truncations: chance.happens(0.15) ? chance.pick([0.02, 0.2]) : 0,
      tears: chance.happens(0.15) ? 0.3 : 0,
      lifetime: chance.happens(0.3) ? 1 + Math.floor(400 ** chance.fraction()) : undefined,
    };
  }

  #process(host: Host, nature: ProcessNature): SimulatedProcess {
    return new SimulatedProcess(`${host.userName}-${++this.#processes}`, {
      host,
      world: this.#world,
      server: this.#server,
      chance: this.#chance.branch(),
      nature,
    });
  }

  #options(process: SimulatedProcess): Omit<OpenOptions<BlobStorage>, 'storage'> {
    return {
      password: PASSWORD,
      algorithms: this.#algorithms,
      engine: buffers.engine(process.onEnd),
      clock: process.clock,
      sleep: process.sleep,
      random: process.chance.bytes,
      identity: process.host.identity,
    };
  }

  #open(process: SimulatedProcess): Promise<OpenWritableRepository> {
    const storage = createRetryingStorage(process.storage, {
      clock: process.clock,
      sleep: process.sleep,
      random: process.chance.fraction,
      policy: { maxAttempts: process.chance.pick([1, 2, 12]) },
    });
    return openRepository({ ...this.#options(process), storage });
  }

  /** Whatever may happen to a process may happen to it; what may not is the end of the history. */
  async #expect(
    process: SimulatedProcess,
    what: string,
    program: () => Promise<void>,
  ): Promise<void> {
    this.#operations += 1;
    this.#say(process, what);
    const outcome = await process.run(program);
    this.#tears += process.torn;
    if (outcome.kind === 'crashed') this.#crashes += 1;
    if (outcome.kind === 'failed') {
      this.#failures += 1;
      this.#say(process, `failed: ${String(outcome.error)}`);
      if (!isExpected(process, outcome.error)) this.#world.fail(outcome.error);
    } else this.#say(process, `${outcome.kind}: ${what}`);
  }

  async #expectDone(
    process: SimulatedProcess,
    what: string,
    program: () => Promise<void>,
  ): Promise<void> {
    this.#say(process, what);
    const outcome = await process.run(program);
    if (outcome.kind === 'failed') throw outcome.error;
  }

  #say(process: SimulatedProcess, what: string): void {
    const passed = this.#world.now - START_OF_TIME;
    const [days, rest] = [passed / DAY, passed % DAY];
    const time = [rest / HOUR, (rest % HOUR) / MINUTE, (rest % MINUTE) / SECOND];
    const shown = time.map((part) => String(part).padStart(2, '0')).join(':');
    this.log.push(`${String(days).padStart(3)}d ${shown} ${process.name} ${what}`);
  }

  async #check(all: boolean): Promise<void> {
    const observer = this.#observer!;
    try {
      observer.indexBlobs.invalidate();
      await observer.refresh();
      await this.#expectations.check(observer, all);
    } catch (error) {
      this.#world.fail(error);
    }
  }

  // Does space come back?

  /** A healthy client takes over. Snapshots go on, so that there is always more than one short pack. */
  async #reclaim(): Promise<void> {
    const host = new Host('heal', this.#world, this.#chance, 0n);
    const process = this.#process(host, SOUND);
    await this.#expectDone(process, 'reclaims what nothing needs', async () => {
      await this.#takeOver(process);
      await using repository = await this.#open(process);
      const source = { host: 'host', userName: 'heal', path: '/heal' };
      this.#expectations.keepsLatest('/heal', 1);
      await writeSession(repository, {}, (writer) => setPolicy(writer, source, retentionOf(1)));
      for (let day = 0; day < DAYS_AFTER; day++) {
        const tree = this.#smallTree(day);
        if (day < DAYS_AFTER - QUIET_DAYS) {
          await this.#upload(process, repository, { source, tree, longest: SECOND });
        }
        await process.pause(DAY);
        await maintainRepository(repository, { mode: 'full' });
      }
      await this.#check(true);
      await this.#checkSpace();
      await writeSession(repository, {}, async (session) => {
        for (const snapshot of await listSnapshots(repository)) {
          this.#expectations.deleting(snapshot);
          await session.deleteManifest(snapshot.id);
        }
      });
      for (let day = 0; day < DAYS_AFTER; day++) {
        await process.pause(DAY);
        await maintainRepository(repository, { mode: 'full' });
      }
    });
    await this.#check(true);
    if (this.#expectations.liveCount > 0) throw new Error('snapshots outlived their deletion');
    await this.#checkEmpty();
    await this.#checkIndexes();
  }

  #smallTree(day: number): SourceTree {
    const bytes = new Uint8Array(100).fill(day);
    return new Map([['today', { bytes, mtime: this.#world.now }]]);
  }

  async #checkSpace(): Promise<void> {
    const needed = this.#expectations.stored();
    const used = new Map<string, number>();
    for (const info of this.#server.contents.values()) {
      if (!needed.has(info.contentID) && !info.contentID.startsWith('m')) continue;
      used.set(info.packBlobID, (used.get(info.packBlobID) ?? 0) + info.packedLength);
    }
    const { maxPackSize } = this.#observer!.formatManager.current();
    let waste = 0;
    for await (const { id, length } of this.#server.memory.listBlobs('')) {
      if (!/^[pq]/.test(id)) continue;
      const inUse = used.get(id) ?? 0;
      if (inUse < SHORT_PACK * maxPackSize) waste += length - inUse;
    }
    if (waste > SLACK) throw new Error(`${waste} bytes in short packs are needed by nothing`);
  }

  async #checkIndexes(): Promise<void> {
    let count = 0;
    for await (const { id } of this.#server.memory.listBlobs('')) if (/^[xnml]/.test(id)) count++;
    if (count > MOST_INDEX_BLOBS) throw new Error(`${count} index blobs are left`);
  }

  async #checkEmpty(): Promise<void> {
    const left: string[] = [];
    let bytes = 0;
    for await (const { id, length } of this.#server.memory.listBlobs('')) {
      if (/^[ps]/.test(id)) left.push(id);
      if (/^[pq]/.test(id)) bytes += length;
    }
    const contents = [...this.#server.contents.keys()].filter((id) => !id.startsWith('m'));
    if (left.length > 0) throw new Error(`nothing needs ${left.join(' ')}`);
    if (contents.length > 0) throw new Error(`nothing needs contents ${contents.join(' ')}`);
    if (bytes > SLACK) throw new Error(`${bytes} bytes of packs are left of nothing`);
  }
}

const buffers = new BufferPool();
const START_OF_TIME: EpochNanoseconds = new VirtualWorld().now;
/** Of four weeks with maintenance each day, whatever was there before: three epochs of some twenty blobs are not merged yet. */
const MOST_INDEX_BLOBS = 100;

function retentionOf(keepLatest: number): typeof EMPTY_POLICY {
  return { ...EMPTY_POLICY, retention: { keepLatest, ...KEEP_NOTHING_ELSE } };
}

/** Errors that a user would understand: the storage failed, bytes were missing, the clock is wrong, the owner is another. */
function isExpected(process: SimulatedProcess, error: unknown): boolean {
  const code = errorCode(error);
  if (code === 'STORAGE_FAILED') return process.isFaulty;
  if (code === 'CORRUPT_DATA') return process.truncated > 0;
  return code === 'CLOCK_SKEW' || code === 'NOT_MAINTENANCE_OWNER';
}
