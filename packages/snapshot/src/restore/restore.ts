import {
  objectReference,
  type ContentDestinations,
  type ContentID,
  type FilePlace,
  type Repository,
} from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';
import { readDespiteDamage } from '../damage-tolerant-read.ts';
import { isDamage } from '../damage.ts';
import { consumeOneAhead } from '../one-ahead.ts';
import type { RestoreSummary } from './restore-events.ts';
import type { RestoreOutput } from './restore-output.ts';
import { planWaves, type RestorePlace, type RestoreWave } from './restore-plan.ts';
import { RestoreRun, type RestoreOptions } from './restore-run.ts';

/** Bytes from which on a file is worth being open for longer than one write takes. */
const MIN_PLACED_LENGTH = 64 * 1024;

/**
 * Restores what `root` stands for: a snapshot's root, or any entry below one. Each directory gets its own recorded
 * time, where Kopia gives it the newest time of all that is in it. The caller disposes of `output`.
 *
 * The first failure ends it, as does an abort: nothing more is written, no incomplete file is left behind, and what was
 * complete by then stays. Directories that were not complete keep the attributes they were made with.
 *
 * Peak memory is `memoryLimit` (a quarter of it for directory streams) + two waves of at most 4096 chunks, some 0.5 KiB
 * each + 2 MiB of directory streams or one larger, the entries of one directory, and the directories that wait for their
 * turn + the chunk lists of 16 GiB of files or of one larger file, some 0.1 KiB for each chunk.
 */
export async function restoreSnapshot(
  repository: Repository,
  root: DirEntry,
  output: RestoreOutput,
  options: RestoreOptions = {},
): Promise<RestoreSummary> {
  const run = new RestoreRun(repository, output, options);
  run.signal.throwIfAborted();
  try {
    if (output.capabilities.parallel) {
      await consumeOneAhead(
        planWaves(run, root, { keepsOrder: false }),
        (wave) => fetchWave(run, wave),
        run.failure,
      );
    } else {
      for await (const wave of planWaves(run, root, { keepsOrder: true })) {
        await fetchWaveInOrder(run, wave);
      }
    }
  } catch (error) {
    run.failure.abort(error);
    await run.abandonOpenFiles();
    throw error;
  }
  return run.summary();
}

/** Reads each distinct content once and writes it to all places that need it, as it comes. */
async function fetchWave(run: RestoreRun, wave: RestoreWave): Promise<void> {
  const places = wave.byContent();
  await readDespiteDamage(
    run.repository.contents,
    places.keys(),
    async (id, content) => {
      for (const place of places.get(id) ?? []) await deliver(run, place, content);
    },
    {
      memoryLimit: run.contentMemory,
      parallelism: run.parallel,
      signal: run.signal,
      borrow: true,
      destinations: destinationsIn(run, places),
      onDamage: async (id, error) => {
        for (const { sink } of places.get(id) ?? []) await sink.miss(error);
      },
    },
  );
}

/** A content is written where it is opened, if that will do for each place that needs it. */
function destinationsIn(
  run: RestoreRun,
  placesByContent: ReadonlyMap<ContentID, readonly RestorePlace[]>,
): ContentDestinations {
  return {
    placesOf(id) {
      run.signal.throwIfAborted();
      const places = placesByContent.get(id) ?? [];
      return places.every(isWorthPlacing) ? filePlaces(places) : undefined;
    },
    async written(id, { failures }) {
      for (const [index, { chunk, sink }] of (placesByContent.get(id) ?? []).entries()) {
        run.signal.throwIfAborted();
        await sink.written?.(chunk.length, failures[index]);
      }
    },
  };
}

function isWorthPlacing({ chunk }: RestorePlace): boolean {
  return chunk.length >= MIN_PLACED_LENGTH && !objectReference(chunk.objectID).compressed;
}

async function filePlaces(
  places: readonly RestorePlace[],
): Promise<readonly FilePlace[] | undefined> {
  const destinations: FilePlace[] = [];
  for (const { chunk, sink } of places) {
    const place = await sink.placeAt?.(chunk.start, chunk.length);
    if (place === undefined) return undefined;
    destinations.push(place);
  }
  return destinations;
}

/** As {@link fetchWave}, for outputs that take one file after another and each from its start. */
async function fetchWaveInOrder(run: RestoreRun, wave: RestoreWave): Promise<void> {
  let group: RestorePlace[] = [];
  let bytes = 0;
  for (const place of wave.places) {
    if (group.length > 0 && bytes + place.chunk.length > run.contentMemory / 2) {
      await fetchGroupInOrder(run, group);
      group = [];
      bytes = 0;
    }
    group.push(place);
    bytes += place.chunk.length;
  }
  await fetchGroupInOrder(run, group);
}

/** Holds all contents of the group at once. */
async function fetchGroupInOrder(run: RestoreRun, group: readonly RestorePlace[]): Promise<void> {
  const contents = new Map<ContentID, Uint8Array>();
  const damage = new Map<ContentID, unknown>();
  await readDespiteDamage(
    run.repository.contents,
    group.map(({ contentID }) => contentID),
    (id, content) => void contents.set(id, content),
    {
      memoryLimit: run.contentMemory / 2,
      parallelism: run.parallel,
      signal: run.signal,
      onDamage: (id, error) => void damage.set(id, error),
    },
  );
  for (const place of group) {
    const content = contents.get(place.contentID);
    if (content === undefined) await place.sink.miss(damage.get(place.contentID));
    else await deliver(run, place, content);
  }
}

async function deliver(
  run: RestoreRun,
  { chunk, sink }: RestorePlace,
  content: Uint8Array,
): Promise<void> {
  run.signal.throwIfAborted();
  let data: Uint8Array;
  try {
    data = run.repository.decodeChunk(chunk, content);
  } catch (error) {
    if (!isDamage(error)) throw error;
    await sink.miss(error);
    return;
  }
  await sink.receive(chunk.start, data);
}
