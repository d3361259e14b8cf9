import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { bytesLength, bytesParts } from '../bytes.ts';
import type { Bytes } from '../bytes.ts';
import { LongshoreError } from '../errors.ts';
import { MIN_DIRECT_LENGTH, type DirectWriter } from './direct-write.ts';
import { errnoCode } from './filesystem-errors.ts';

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface DurableFileOptions {
  /** Permissions of the file, before the process's umask. */
  readonly mode: number;
  /** Set if the process is root, as Kopia does; else ignored. */
  readonly owner?: FileOwner | undefined;
  /** Fail with the error EEXIST of the operating system if the file is there. */
  readonly ifAbsent?: boolean | undefined;
  /** Nanoseconds since 1970; the file gets this time or one up to two microseconds later. */
  readonly modificationTime?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Large data then goes past the page cache as far as the file system takes it. */
  readonly directWriter?: DirectWriter | undefined;
}

/** Bytes per system call: larger buffered writes cost several times the CPU once the page cache is full. */
const WRITE_SIZE = 256 * 1024;
/** The most pieces that Linux takes in one writev. */
const MAX_PIECES = 1024;
/** The longest file name of common file systems, in bytes. */
const MAX_FILE_NAME_LENGTH = 255;

/**
 * Creates or replaces a file so that nobody sees a part of it and that it outlives a power failure once this
 * resolves: temporary file beside it, fsync, rename (or link), fsync of the folder. The temporary file is gone
 * afterwards, also on failure. Errors are those of the operating system, or the reason of the signal.
 */
export async function writeDurableFile(
  path: string,
  data: Bytes,
  options: DurableFileOptions,
): Promise<void> {
  const { ifAbsent = false, signal } = options;
  signal?.throwIfAborted();
  const temporaryPath = temporaryPathFor(path);
  try {
    const handle = await createWithData(temporaryPath, data, options);
    try {
      const { owner, modificationTime } = options;
      if (owner && isRoot()) await handle.chown(owner.uid, owner.gid);
      if (modificationTime !== undefined) await setTime(handle, modificationTime);
      await handle.sync();
    } finally {
      await handle.close();
    }
    signal?.throwIfAborted();
    if (ifAbsent) await linkExclusively(temporaryPath, path);
    else await fs.rename(temporaryPath, path);
  } catch (error) {
    await removeQuietly(temporaryPath);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes the entries of a folder durable. File systems that cannot sync a folder have nothing to add. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoCode(error) ?? '')) {
      throw error;
    }
  } finally {
    await handle.close();
  }
}

/**
 * Makes a folder and the entry for it durable. Its parent must be there: a root that was unmounted is never
 * made again by accident. Resolves to false if the folder was there already.
 */
export async function makeDurableDirectory(
  path: string,
  options: { readonly mode: number; readonly owner?: FileOwner | undefined },
): Promise<boolean> {
  try {
    await fs.mkdir(path, { mode: options.mode });
  } catch (error) {
    if (errnoCode(error) === 'EEXIST') return false;
    throw error;
  }
  const { owner } = options;
  if (owner && isRoot()) await fs.chown(path, owner.uid, owner.gid);
  await syncDirectory(dirname(path));
  return true;
}

/** `<file>.tmp.<16 hex>` beside the file, as Kopia names it; a long name is cut so that this one still fits. */
function temporaryPathFor(path: string): string {
  const suffix = `.tmp.${randomBytes(8).toString('hex')}`;
  const name = basename(path).slice(0, MAX_FILE_NAME_LENGTH - suffix.length);
  return join(dirname(path), name + suffix);
}

/** A new file that holds `data`, not synced yet. */
async function createWithData(
  path: string,
  data: Bytes,
  { mode, signal, directWriter }: DurableFileOptions,
): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_DIRECT } = constants;
  const flags = O_WRONLY | O_CREAT | O_EXCL;
  // Not every platform has the flag.
  const hasFlag = (O_DIRECT as number | undefined) !== undefined;
  if (hasFlag && directWriter?.isPossible === true && bytesLength(data) >= MIN_DIRECT_LENGTH) {
    try {
      return await openAndWrite(path, flags | O_DIRECT, mode, (handle) =>
        directWriter.write(handle, data, signal),
      );
    } catch (error) {
      if (errnoCode(error) !== 'EINVAL') throw error;
      directWriter.isPossible = false;
      await removeQuietly(path);
    }
  }
  return openAndWrite(path, flags, mode, (handle) => writeAll(handle, data, signal));
}

async function openAndWrite(
  path: string,
  flags: number,
  mode: number,
  write: (handle: FileHandle) => Promise<void>,
): Promise<FileHandle> {
  const handle = await fs.open(path, flags, mode);
  try {
    await write(handle);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function writeAll(
  handle: FileHandle,
  data: Bytes,
  signal: AbortSignal | undefined,
): Promise<void> {
  let position = 0;
  for (const batch of batches(bytesParts(data))) {
    let pieces: readonly Uint8Array[] = batch;
    while (pieces.length > 0) {
      signal?.throwIfAborted();
      const { bytesWritten } = await handle.writev(pieces, position);
      position += bytesWritten;
      pieces = dropBytes(pieces, bytesWritten);
    }
  }
}

/** The same bytes in order, in groups of at most {@link WRITE_SIZE} bytes and {@link MAX_PIECES} pieces. */
function* batches(parts: readonly Uint8Array[]): Generator<Uint8Array[], void, void> {
  let batch: Uint8Array[] = [];
  let room = WRITE_SIZE;
  for (const part of parts) {
    for (let offset = 0; offset < part.length;) {
      const piece = part.subarray(offset, offset + room);
      batch.push(piece);
      offset += piece.length;
      room -= piece.length;
      if (room > 0 && batch.length < MAX_PIECES) continue;
      yield batch;
      batch = [];
      room = WRITE_SIZE;
    }
  }
  if (batch.length > 0) yield batch;
}

/** What is left of `pieces` after a write that may have been short. */
function dropBytes(pieces: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  if (count === bytesLength(pieces)) return [];
  let rest = count;
  let first = 0;
  for (const piece of pieces) {
    if (piece.length > rest) break;
    rest -= piece.length;
    first++;
  }
  return pieces.slice(first).map((piece, i) => (i === 0 ? piece.subarray(rest) : piece));
}

/**
 * Node takes seconds as a double, which has a quarter of a microsecond, and may cut them to whole microseconds: half a
 * microsecond more is never rounded to an earlier one.
 */
async function setTime(handle: FileHandle, nanoseconds: bigint): Promise<void> {
  const whole = nanoseconds / 1000n;
  const microseconds = Number(nanoseconds % 1000n > 0n ? whole + 1n : whole);
  const seconds = (microseconds + 0.5) / 1e6;
  await handle.utimes(seconds, seconds);
}

async function linkExclusively(from: string, to: string): Promise<void> {
  try {
    await fs.link(from, to);
  } catch (error) {
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoCode(error) ?? '')) {
      throw new LongshoreError(
        'UNSUPPORTED',
        `this file system has no hard links, which creating a file only if absent needs: ${to}`,
        { path: to, cause: error },
      );
    }
    throw error;
  }
  await removeQuietly(from);
}

/** A temporary file that cannot be removed is ignored by every listing; the first error matters more. */
async function removeQuietly(path: string): Promise<void> {
  await fs.unlink(path).catch(() => undefined);
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
