import { Buffer } from 'node:buffer';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, integer, property, record } from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFullyAt, writeSparselyAt } from './positional-write.ts';

let folder: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-write-'));
  fd = openSync(join(folder, 'file'), 'w+');
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const SIZE = 4096;

describe('positional writes', () => {
  it('write every byte of data larger than one call takes', () => {
    const data = Buffer.alloc(1_000_000, 'not a divisor');
    writeFullyAt(fd, 5, data);
    const content = readFileSync(join(folder, 'file'));
    expect(content.subarray(5).equals(data)).toBe(true);
  });

  it('leave the same content with and without holes, however zeros and pieces lie', () => {
    const runs = array(
      record({ length: integer({ min: 0, max: 300 }), byte: integer({ min: 0, max: 1 }) }),
      { maxLength: 20 },
    );
    assert(
      property(
        runs,
        integer({ min: 1, max: 130 }),
        integer({ min: 1, max: 999 }),
        (list, blockSize, piece) => {
          const data = Buffer.concat(list.map(({ length, byte }) => Buffer.alloc(length, byte)));
          ftruncateSync(fd, 0);
          ftruncateSync(fd, SIZE * 2);
          for (let at = 0; at < data.length; at += piece) {
            writeSparselyAt(fd, 7 + at, data.subarray(at, at + piece), blockSize);
          }
          const content = readFileSync(join(folder, 'file'));
          expect(content.length).toBe(SIZE * 2);
          expect(content.subarray(7, 7 + data.length).equals(data)).toBe(true);
          expect(content.subarray(7 + data.length).every((byte) => byte === 0)).toBe(true);
        },
      ),
    );
  });

  it('leave holes where whole blocks are zero', () => {
    const data = Buffer.alloc(12 << 20);
    data[6 << 20] = 1;
    ftruncateSync(fd, data.length);
    writeSparselyAt(fd, 0, data, 4096);
    expect(fstatSync(fd).blocks * 512).toBeLessThanOrEqual(64 * 1024);
    expect(readFileSync(join(folder, 'file')).equals(data)).toBe(true);
  });

  it('leave holes by the blocks of the file, wherever the data begins', () => {
    const blockSize = 4096;
    const content = Buffer.alloc(512 * blockSize);
    for (let block = 0; block < 512; block += 2)
      content.fill(1, block * blockSize, (block + 1) * blockSize);
    ftruncateSync(fd, content.length);
    writeSparselyAt(fd, 2048, content.subarray(2048), blockSize);
    writeSparselyAt(fd, 0, content.subarray(0, 2048), blockSize);
    expect(fstatSync(fd).blocks * 512).toBeLessThanOrEqual((content.length * 3) / 4);
    expect(readFileSync(join(folder, 'file')).equals(content)).toBe(true);
  });
});
