import {
  CorruptDataError,
  objectReference,
  type ContentDestinations,
  type ContentID,
  type ObjectChunk,
  type Repository,
} from '@longshore/repo';
import { isDamage } from '../damage.ts';
import { readDespiteDamage } from '../damage-tolerant-read.ts';
import { consumeOneAhead } from '../one-ahead.ts';
import type { VerifyOptions, VerifyResult, VerifyRoot } from './verify-options.ts';
import {
  planVerification,
  type VerifiedFile,
  type VerifyPlace,
  type VerifyWave,
} from './verify-plan.ts';
import { ErrorLimitReached, VerifyRun } from './verify-run.ts';

/**
 * Walks everything below the roots and looks at each distinct object once: every content that it stands on is in an
 * index and lies within a pack that the storage lists. Directories, and a share of the files, are also read, decrypted
 * and hashed. Damage is in the result; a storage that fails is thrown.
 *
 * Peak memory is `memoryLimit` + one number for each pack + some 35 bytes for each remembered object and content + two
 * waves of at most 4096 chunks + 2 MiB of directory streams or one larger, with the entries of one directory.
 */
export async function verifySnapshots(
  repository: Repository,
  roots: readonly VerifyRoot[],
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const run = new VerifyRun(repository, options);
  await run.listPacks();
  try {
    await consumeOneAhead(planVerification(run, roots), (wave) => readWave(run, wave), run.failure);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof ErrorLimitReached) return run.result(false);
    throw error;
  }
  return run.result(true);
}

/** Reading is the check: the engine authenticates each content and compares its hash with its ID. */
async function readWave(run: VerifyRun, wave: VerifyWave): Promise<void> {
  const places = wave.byContent();
  await readDespiteDamage(
    run.repository.contents,
    unreadContents(run, places),
    (id, content) => {
      noteRead(run, id, content.length);
      for (const place of places.get(id) ?? []) checkLength(run, place, content);
    },
    {
      memoryLimit: run.memoryLimit,
      parallelism: run.parallel,
      signal: run.signal,
      borrow: true,
      destinations: nowhere(run, places),
      onDamage: (id, error) => {
        for (const { file } of places.get(id) ?? []) reportOnce(run, file, error);
      },
    },
  );
  for (const { file } of wave.places) {
    file.outstanding -= 1;
    if (file.outstanding === 0 && !file.damaged) run.filesRead += 1;
  }
  run.progress();
}

/** What was read before only has its length held against the chunks. A compressed chunk's length takes its bytes. */
function unreadContents(
  run: VerifyRun,
  places: ReadonlyMap<ContentID, readonly VerifyPlace[]>,
): readonly ContentID[] {
  const unread: ContentID[] = [];
  for (const [id, ofContent] of places) {
    const length = run.readLengths.get(id);
    if (length === undefined || ofContent.some(isCompressed)) {
      unread.push(id);
      continue;
    }
    checkLengths(run, ofContent, length);
  }
  return unread;
}

/** Who opens a content checks it: what its places need to know besides is its length, unless a chunk is compressed. */
function nowhere(
  run: VerifyRun,
  places: ReadonlyMap<ContentID, readonly VerifyPlace[]>,
): ContentDestinations {
  return {
    placesOf(id) {
      const ofContent = places.get(id) ?? [];
      return ofContent.some(isCompressed) ? undefined : [];
    },
    written(id, { length }) {
      noteRead(run, id, length);
      checkLengths(run, places.get(id) ?? [], length);
    },
  };
}

function noteRead(run: VerifyRun, id: ContentID, length: number): void {
  run.readLengths.set(id, length);
  run.bytesRead += length;
}

function isCompressed({ chunk }: VerifyPlace): boolean {
  return objectReference(chunk.objectID).compressed;
}

function checkLengths(run: VerifyRun, ofContent: readonly VerifyPlace[], length: number): void {
  for (const { chunk, file } of ofContent) {
    if (chunk.length !== length) reportOnce(run, file, wrongLength(chunk, length));
  }
}

function wrongLength({ objectID, length }: ObjectChunk, actual: number): CorruptDataError {
  return new CorruptDataError(
    `object ${objectID}: ${actual} bytes, its index object says ${length}`,
    {
      objectID,
    },
  );
}

function checkLength(run: VerifyRun, { chunk, file }: VerifyPlace, content: Uint8Array): void {
  try {
    run.repository.decodeChunk(chunk, content);
  } catch (error) {
    if (!isDamage(error)) throw error;
    reportOnce(run, file, error);
  }
}

function reportOnce(run: VerifyRun, file: VerifiedFile, error: unknown): void {
  if (file.damaged) return;
  file.damaged = true;
  run.report(file.path, file, error);
}
