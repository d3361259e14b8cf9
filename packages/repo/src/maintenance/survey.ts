import type { AbortOptions, BlobID, BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import { listSessions, type ListedSession } from '../content/write-session.ts';
import { hasCode } from '../errors.ts';
import type { OpenRepository } from '../repository.ts';
import { surveyEpochs, type EpochSurvey } from './epoch-survey.ts';
import type { MaintenanceParameters } from './parameters.ts';
import { packTotals } from './referenced-packs.ts';
import { EMPTY_SCHEDULE, type MaintenanceSchedule } from './schedule.ts';
import { loadSchedule } from './schedule-blob.ts';
import { loadMaintenanceParameters } from './stored-parameters.ts';

/** IDs that a list of a survey names; its count says how many there are. */
const MAX_NAMED = 20;

/** Blobs, of which the first few are named. */
export interface BlobTally {
  readonly count: number;
  /** Stored bytes. */
  readonly bytes: number;
  readonly named: readonly BlobID[];
}

/** What a repository consists of, by one look at everything but the bytes of packs. Times in nanoseconds. */
export interface RepositorySurvey {
  /** By the local clock, when the survey began. */
  readonly takenAt: EpochNanoseconds;
  /** The newest timestamp in the storage. */
  readonly newestTimestamp: EpochNanoseconds;
  readonly owner: string;
  readonly parameters: MaintenanceParameters;
  readonly schedule: MaintenanceSchedule;
  /** The time that the storage gave to the schedule; undefined if there is none. */
  readonly scheduleTimestamp: EpochNanoseconds | undefined;
  /** Undefined where index blobs are not in epochs. */
  readonly epochs: EpochSurvey | undefined;
  /** Of legacy style, poison blobs left out. */
  readonly legacyIndexBlobs: BlobTally;
  /** Blobs that keep releases of Kopia away which know no epochs. */
  readonly poisonBlobs: BlobTally;
  readonly emptyBlobs: BlobTally;
  readonly formatBackups: BlobTally;
  readonly packs: BlobTally;
  /** Packs that no content in the index lies in. */
  readonly unreferencedPacks: BlobTally;
  /** When the youngest of them was written. */
  readonly youngestUnreferenced: EpochNanoseconds | undefined;
  /** Packs that the index names and the storage lacks; `bytes` are those of their contents. */
  readonly missingPacks: BlobTally;
  /** Stored bytes of contents that are marked deleted and still in the index. */
  readonly deletedContents: { readonly count: number; readonly bytes: number };
  readonly sessions: readonly ListedSession[];
  /** Parts that could not be read, and why. Everything about them above is empty. */
  readonly unreadable: readonly {
    readonly what: 'schedule' | 'sessions';
    readonly error: unknown;
  }[];
}

/** Reads indexes, names and the records of maintenance. A storage that fails is an error; damage is in the survey. */
export async function surveyRepository(
  repository: OpenRepository,
  options: AbortOptions = {},
): Promise<RepositorySurvey> {
  const takenAt = repository.clock();
  const unreadable: { what: 'schedule' | 'sessions'; error: unknown }[] = [];
  const readOr = async <T>(
    what: 'schedule' | 'sessions',
    read: () => Promise<T>,
    fallback: T,
  ): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (!hasCode(error, 'CORRUPT_DATA')) throw error;
      unreadable.push({ what, error });
      return fallback;
    }
  };
  await repository.formatManager.refresh(options);
  // Packs are durable before an index names them: the index first, the listing second.
  await repository.refresh(options);
  const { storage } = repository.contents;
  const inventory = new Inventory(packTotals(repository.contents));
  for await (const blob of storage.listBlobs('', options)) inventory.add(blob);
  const { epochParameters } = repository.formatManager.current();
  const parameters = await loadMaintenanceParameters(repository, options);
  const sessions = await readOr(
    'sessions',
    () => listSessions(storage, repository.sealer, options),
    new Map(),
  );
  return {
    takenAt,
    owner: parameters.owner,
    parameters,
    schedule: await readOr(
      'schedule',
      () => loadSchedule(storage, repository.formatManager, options),
      EMPTY_SCHEDULE,
    ),
    epochs: epochParameters.enabled
      ? surveyEpochs(inventory.epochBlobs, epochParameters)
      : undefined,
    ...inventory.results(),
    missingPacks: await confirmMissing(repository, inventory.unseenPacks, options),
    deletedContents: countDeleted(repository),
    sessions: [...sessions.values()],
    unreadable,
  };
}

class Tally implements BlobTally {
  count = 0;
  bytes = 0;
  readonly named: BlobID[] = [];

  add({ id, length }: Pick<BlobMetadata, 'id' | 'length'>): void {
    this.count += 1;
    this.bytes += length;
    if (this.named.length < MAX_NAMED) this.named.push(id);
  }
}

/** Sorts every blob of a storage by its name. Holds one number for each pack, and the names of index blobs. */
class Inventory {
  readonly epochBlobs: BlobMetadata[] = [];
  /** Referenced packs that were not listed so far, and the bytes of their contents. */
  readonly unseenPacks: Map<BlobID, number>;
  readonly #referenced: ReadonlyMap<BlobID, number>;
  readonly #legacyIndexBlobs = new Tally();
  readonly #poisonBlobs = new Tally();
  readonly #emptyBlobs = new Tally();
  readonly #formatBackups = new Tally();
  readonly #packs = new Tally();
  readonly #unreferencedPacks = new Tally();
  #youngestUnreferenced: EpochNanoseconds | undefined;
  #newestTimestamp = 0n;
  #scheduleTimestamp: EpochNanoseconds | undefined;

  constructor(referenced: ReadonlyMap<BlobID, number>) {
    this.#referenced = referenced;
    this.unseenPacks = new Map(referenced);
  }

  add(blob: BlobMetadata): void {
    const { id, length, timestamp } = blob;
    if (timestamp > this.#newestTimestamp) this.#newestTimestamp = timestamp;
    if (length === 0) this.#emptyBlobs.add(blob);
    if (id === 'kopia.maintenance') this.#scheduleTimestamp = timestamp;
    else if (id.startsWith('kopia.repository.backup.')) this.#formatBackups.add(blob);
    else if (id.startsWith('x')) this.epochBlobs.push(blob);
    else if (/^n0+-repository_unreadable/.test(id)) this.#poisonBlobs.add(blob);
    else if (id.startsWith('n')) this.#legacyIndexBlobs.add(blob);
    else if (/^[pq]/.test(id)) this.#addPack(blob);
  }

  #addPack(blob: BlobMetadata): void {
    this.#packs.add(blob);
    this.unseenPacks.delete(blob.id);
    if (this.#referenced.has(blob.id)) return;
    this.#unreferencedPacks.add(blob);
    if (blob.timestamp > (this.#youngestUnreferenced ?? 0n)) {
      this.#youngestUnreferenced = blob.timestamp;
    }
  }

  results(): Pick<
    RepositorySurvey,
    | 'newestTimestamp'
    | 'scheduleTimestamp'
    | 'legacyIndexBlobs'
    | 'poisonBlobs'
    | 'emptyBlobs'
    | 'formatBackups'
    | 'packs'
    | 'unreferencedPacks'
    | 'youngestUnreferenced'
  > {
    return {
      newestTimestamp: this.#newestTimestamp,
      scheduleTimestamp: this.#scheduleTimestamp,
      legacyIndexBlobs: this.#legacyIndexBlobs,
      poisonBlobs: this.#poisonBlobs,
      emptyBlobs: this.#emptyBlobs,
      formatBackups: this.#formatBackups,
      packs: this.#packs,
      unreferencedPacks: this.#unreferencedPacks,
      youngestUnreferenced: this.#youngestUnreferenced,
    };
  }
}

/** A pack may have been deleted between the index and the listing: what the index no longer names is not missed. */
async function confirmMissing(
  repository: OpenRepository,
  unseen: ReadonlyMap<BlobID, number>,
  options: AbortOptions,
): Promise<BlobTally> {
  const missing = new Tally();
  if (unseen.size === 0) return missing;
  await repository.refresh(options);
  const referenced = packTotals(repository.contents);
  for (const [id, length] of unseen) if (referenced.has(id)) missing.add({ id, length });
  return missing;
}

function countDeleted(repository: OpenRepository): { count: number; bytes: number } {
  const deleted = { count: 0, bytes: 0 };
  for (const info of repository.contents.iterateContents({ includeDeleted: true })) {
    if (!info.deleted) continue;
    deleted.count += 1;
    deleted.bytes += info.packedLength;
  }
  return deleted;
}
