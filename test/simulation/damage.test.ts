import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createMemoryStorage,
  createSystemClock,
  errorCode,
  openRepository,
  type BlobID,
  type CreateOptions,
  type MemoryStorage,
  type OpenRepository,
} from '@longshore/repo';
import { nativeAlgorithms, openFilesystemStorage } from '@longshore/repo/node';
import { listSnapshots, type SnapshotManifest } from '@longshore/snapshot';
import { createSeededRandom } from '../../packages/repo/src/blob/seeded-random.ts';
import { restoreSnapshot } from '../../packages/snapshot/src/restore/restore.ts';
import { verifySnapshots } from '../../packages/snapshot/src/verify/verify.ts';
import { createEngine, takeSnapshot, PASSWORD } from '../e2e/engine.ts';
import { goldenRepositories } from '../golden.ts';
import { RecordingOutput, type RecordedEntry } from '../recording-output.ts';
import { rememberingKeys } from '../remembered-keys.ts';
import { createSeededTree } from '../trees.ts';
import {
  damageOne,
  flipBits,
  kindOfBlob,
  readAllBlobs,
  storageOf,
  type Damage,
  type StoredBlobs,
} from './mutate-storage.ts';

const IS_LARGE = process.env['LONGSHORE_LARGE'] === '1';
const CASES = IS_LARGE ? 10_000 : 500;
const BATCHES = 10;
const REPAIRS = IS_LARGE ? 1000 : 60;
/** Replays one case. */
const ONLY_SEED = process.env['LONGSHORE_DAMAGE_SEED'];
const CASE_TIMEOUT_MS = 30_000;
/** Larger goldens would take most of the time and show nothing else. */
const MAX_GOLDEN_LENGTH = 2_500_000;
/** Of those that differ in the hash only, one for each version. */
const CHOSEN_GOLDENS = IS_LARGE
  ? /./
  : /^(?!format-)|^format-(?:hmac-sha224-v1|blake3-256-v2|blake3-256-128-v3)$/;

const clock = createSystemClock();
const algorithms = rememberingKeys(nativeAlgorithms());

interface Specimen {
  readonly name: string;
  readonly password: string;
  readonly blobs: StoredBlobs;
  readonly hasErrorCorrection: boolean;
  /** By snapshot, what an undamaged restore gives. */
  readonly restored: ReadonlyMap<string, ReadonlyMap<string, RecordedEntry>>;
}

let folder: string;
let specimens: readonly Specimen[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-damage-'));
  createSeededTree(join(folder, 'tree'), { seed: 5, files: 60, totalBytes: 250_000, symlinks: 5 });
  specimens = [...(await goldenSpecimens()), ...(await freshSpecimens())];
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function goldenSpecimens(): Promise<readonly Specimen[]> {
  const found: Specimen[] = [];
  for (const { name, path, expected } of goldenRepositories()) {
    if (!CHOSEN_GOLDENS.test(name)) continue;
    const blobs = await readAllBlobs(await openFilesystemStorage({ path }));
    const length = [...blobs.values()].reduce((sum, { data }) => sum + data.length, 0);
    if (length <= MAX_GOLDEN_LENGTH) found.push(await specimen(name, expected.password, blobs));
  }
  return found;
}

async function freshSpecimens(): Promise<readonly Specimen[]> {
  const formats: Readonly<Record<string, Partial<CreateOptions>>> = {
    'own v1': { version: 1, encryption: 'CHACHA20-POLY1305-HMAC-SHA256' },
    'own v2 with ECC': { version: 2, eccOverheadPercent: 10 },
    'own v3': { hash: 'BLAKE3-256' },
    'own v3 with ECC': { eccOverheadPercent: 2 },
  };
  const made: Specimen[] = [];
  for (const [name, format] of Object.entries(formats)) {
    const storage = createMemoryStorage({ clock });
    await using repository = await createEngine(storage, { ...format, algorithms });
    for (const userName of ['one', 'two']) {
      await takeSnapshot(repository, join(folder, 'tree'), {
        source: { host: 'host', userName, path: '/tree' },
      });
    }
    made.push(await specimen(name, PASSWORD, await readAllBlobs(storage)));
  }
  return made;
}

async function specimen(name: string, password: string, blobs: StoredBlobs): Promise<Specimen> {
  await using repository = await open(await storageOf(blobs, clock), password);
  const restored = new Map<string, ReadonlyMap<string, RecordedEntry>>();
  for (const snapshot of await listSnapshots(repository)) {
    restored.set(snapshot.id, (await restore(repository, snapshot, false)).entries);
  }
  const hasErrorCorrection = repository.formatManager.current().ecc !== undefined;
  return { name, password, blobs, hasErrorCorrection, restored };
}

function open(
  storage: MemoryStorage,
  password: string,
  onRepaired: () => void = () => undefined,
): Promise<OpenRepository> {
  return openRepository({ storage, password, algorithms, onRepaired });
}

interface Restored {
  readonly entries: ReadonlyMap<string, RecordedEntry>;
  readonly errors: readonly unknown[];
}

async function restore(
  repository: OpenRepository,
  { rootEntry }: SnapshotManifest,
  ignoreErrors: boolean,
): Promise<Restored> {
  await using output = new RecordingOutput();
  const errors: unknown[] = [];
  try {
    await restoreSnapshot(repository, rootEntry!, output, {
      ignoreErrors,
      onEvent: (event) => {
        if (event.type === 'entry-failed') errors.push(event.error);
      },
    });
  } catch (error) {
    errors.push(error);
  }
  return { entries: output.entries, errors };
}

/** Throws for every outcome but the allowed ones: exactly the right bytes, or an error that says what is damaged. */
async function checkOutcome(
  { restored, password }: Specimen,
  storage: MemoryStorage,
  damage: Damage,
  ignoreErrors: boolean,
): Promise<'right' | 'refused' | 'partly' | 'forgotten'> {
  let repository: OpenRepository;
  let snapshots: readonly SnapshotManifest[];
  try {
    repository = await open(storage, password);
    snapshots = await listSnapshots(repository);
  } catch (error) {
    checkError(error, damage);
    return 'refused';
  }
  await using _open = repository;
  let failures = 0;
  for (const snapshot of snapshots) {
    const right = restored.get(snapshot.id);
    const { entries, errors } = await restore(repository, snapshot, ignoreErrors);
    for (const error of errors) checkError(error, damage);
    failures += errors.length;
    for (const [path, line] of entries) {
      if (right === undefined && isForgetful(damage)) continue;
      if (right?.get(path) !== line) {
        throw new Error(`${path} became\n${line}, not\n${right?.get(path)}`);
      }
    }
    if (errors.length === 0 && right !== undefined && entries.size !== right.size) {
      throw new Error(`${entries.size} of ${right.size} entries, and no error`);
    }
  }
  await checkVerification(repository, snapshots, damage, failures > 0);
  const missing = [...restored.keys()].filter((id) => !snapshots.some((one) => one.id === id));
  if (missing.length > 0) {
    if (!isForgetful(damage)) throw new Error(`snapshots ${missing.join()} vanished silently`);
    return 'forgotten';
  }
  return failures === 0 ? 'right' : 'partly';
}

/**
 * Nothing in a repository of Kopia's format names its index blobs: without one of them, or without the marker that an
 * epoch has begun, the repository is a valid older one.
 */
function isForgetful({ mutation, blobs }: Damage): boolean {
  return mutation === 'drop' && blobs.every((id) => ['index', 'marker'].includes(kindOfBlob(id)));
}

/** Verification must not call whole what a restore stumbles over, nor damaged what it gives back. */
async function checkVerification(
  repository: OpenRepository,
  snapshots: readonly SnapshotManifest[],
  damage: Damage,
  isDamaged: boolean,
): Promise<void> {
  const roots = snapshots.map(({ id, rootEntry }) => ({ name: id, entry: rootEntry! }));
  const { errorCount, errors } = await verifySnapshots(repository, roots, {
    verifyFilesPercent: 100,
    maxErrors: -1,
  });
  for (const { error } of errors) checkError(error, damage);
  if (errorCount > 0 !== isDamaged) {
    throw new Error(
      `verification found ${errorCount} errors, a restore ${isDamaged ? 'some' : 'none'}`,
    );
  }
}

/** It has a code, and what it names is a blob, a content, an object, a manifest or the password. */
function checkError(error: unknown, { blobs }: Damage): void {
  const code = errorCode(error);
  if (code === undefined) throw new Error('not an error of longshore', { cause: error });
  if (code === 'INVALID_PASSWORD' || code === 'REPOSITORY_NOT_INITIALIZED') return;
  const facts = Reflect.get(error as object, 'facts') as Readonly<Record<string, unknown>>;
  const named = ['blobID', 'contentID', 'objectID', 'manifestID'].some((name) => name in facts);
  const isTold = blobs.some((id) => String(error).includes(id));
  if (!named && !isTold)
    throw new Error(`it says not what is damaged: ${String(error)}`, { cause: error });
}

async function runCase(seed: number): Promise<string> {
  const random = createSeededRandom(seed);
  const chosen = specimens[Math.floor(random() * specimens.length)]!;
  const { damaged, damage } = damageOne(chosen.blobs, random);
  const what = `seed ${seed}: ${damage.mutation} of ${damage.blobs.join(' and ')} in ${chosen.name}`;
  const limit = new AbortController();
  try {
    return await Promise.race([
      checkOutcome(chosen, await storageOf(damaged, clock), damage, seed % 2 === 0),
      sleep(CASE_TIMEOUT_MS, undefined, { signal: limit.signal }).then(() => {
        throw new Error(`no outcome within ${CASE_TIMEOUT_MS} ms`);
      }),
    ]);
  } catch (cause) {
    throw new Error(`${what}: ${String(cause)}; replay with LONGSHORE_DAMAGE_SEED=${seed}`, {
      cause,
    });
  } finally {
    limit.abort();
  }
}

describe('a damaged repository', () => {
  it.skipIf(ONLY_SEED === undefined)(
    `of seed ${ONLY_SEED} gives the right bytes or says what is damaged`,
    async () => {
      await expect(runCase(Number(ONLY_SEED))).resolves.toMatch(/right|refused|partly|forgotten/);
    },
  );

  const outcomes = new Map<string, number>();
  it.skipIf(ONLY_SEED !== undefined).each(Array.from({ length: BATCHES }, (_, batch) => batch))(
    `gives the right bytes or says what is damaged, batch %i of ${CASES} cases`,
    { timeout: 30 * 60_000 },
    async (batch) => {
      const failures: string[] = [];
      for (let seed = batch; seed < CASES; seed += BATCHES) {
        const outcome = await runCase(seed).catch((error: unknown) => String(error));
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (outcome.includes('seed')) failures.push(outcome);
      }
      expect(failures).toEqual([]);
    },
  );

  it.skipIf(ONLY_SEED !== undefined)('comes to every outcome that is allowed', () => {
    expect([...outcomes.keys()].toSorted()).toEqual(['forgotten', 'partly', 'refused', 'right']);
    for (const count of outcomes.values()) expect(count).toBeGreaterThan(5);
  });
});

describe('error correction', () => {
  it(
    `repairs small damage of packs and indexes, ${REPAIRS} times`,
    { timeout: 30 * 60_000 },
    async () => {
      const corrected = specimens.filter(({ hasErrorCorrection }) => hasErrorCorrection);
      expect(corrected.length).toBeGreaterThan(1);
      let repaired = 0;
      for (let seed = 0; seed < REPAIRS; seed++) {
        const random = createSeededRandom(seed);
        const one = corrected[seed % corrected.length]!;
        const ids = [...one.blobs.keys()].filter((id) =>
          ['pack', 'metadata pack', 'index'].includes(kindOfBlob(id)),
        );
        const id = ids[Math.floor(random() * ids.length)]!;
        const blobs = withFlippedByte(one.blobs, id, random);
        await using repository = await open(await storageOf(blobs, clock), one.password, () => {
          repaired++;
        });
        const snapshots = await listSnapshots(repository);
        expect(snapshots.map((each) => each.id).toSorted()).toEqual(
          [...one.restored.keys()].toSorted(),
        );
        for (const snapshot of snapshots) {
          const result = await restore(repository, snapshot, false);
          expect(result, `seed ${seed}: ${id} in ${one.name}`).toEqual({
            entries: one.restored.get(snapshot.id),
            errors: [],
          });
        }
      }
      expect(repaired).toBeGreaterThan(REPAIRS / 4);
    },
  );
});

function withFlippedByte(blobs: StoredBlobs, id: BlobID, random: () => number): StoredBlobs {
  const { data, timestamp } = blobs.get(id)!;
  return new Map(blobs).set(id, { data: flipBits(data, random, 1), timestamp });
}
