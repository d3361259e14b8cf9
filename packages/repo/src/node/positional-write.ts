import { Buffer } from 'node:buffer';
import { writeSync } from 'node:fs';

// Larger calls cost more CPU once the page cache is full.
const MAX_WRITE_BYTES = 256 * 1024;

const ZEROS = Buffer.alloc(64 * 1024);

/** Writes all of `data` at `position` of an open file. */
export function writeFullyAt(fd: number, position: number, data: Uint8Array): void {
  for (let done = 0; done < data.length;) {
    const length = Math.min(data.length - done, MAX_WRITE_BYTES);
    done += writeSync(fd, data, done, length, position + done);
  }
}

/**
 * The same, leaving out each block of the file that would get zeros only: where nothing was written yet, it stays a hole.
 * The file must read as zeros there and have its final length.
 */
export function writeSparselyAt(
  fd: number,
  position: number,
  data: Uint8Array,
  blockSize: number,
): void {
  let runStart = 0;
  let offset = 0;
  while (offset < data.length) {
    const toBlockEnd = blockSize - ((position + offset) % blockSize);
    const end = Math.min(offset + toBlockEnd, data.length);
    if (isZero(data, offset, end)) {
      writeFullyAt(fd, position + runStart, data.subarray(runStart, offset));
      runStart = end;
    }
    offset = end;
  }
  writeFullyAt(fd, position + runStart, data.subarray(runStart));
}

function isZero(data: Uint8Array, start: number, end: number): boolean {
  if (data[start] !== 0) return false;
  for (let at = start; at < end; at += ZEROS.length) {
    const to = Math.min(at + ZEROS.length, end);
    if (ZEROS.compare(data, at, to, 0, to - at) !== 0) return false;
  }
  return true;
}
