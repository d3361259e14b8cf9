import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesLength, concatBytes } from '../bytes.ts';
import { alignedBuffer, DirectWriter, MIN_DIRECT_LENGTH } from './direct-write.ts';
import { writeDurableFile } from './durable-file.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-direct-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

function alignedBytes(length: number): Uint8Array {
  const buffer = alignedBuffer(length);
  buffer.set(randomBytes(length));
  return buffer;
}

const cases = {
  'one aligned piece': () => [alignedBytes(MIN_DIRECT_LENGTH)],
  'an aligned piece of odd length and a trailer': () => [
    alignedBytes(MIN_DIRECT_LENGTH + 4321),
    randomBytes(777),
  ],
  'ordinary memory only': () => [randomBytes(MIN_DIRECT_LENGTH + 1), randomBytes(2 ** 20 + 3)],
  'an aligned piece behind an odd one': () => [randomBytes(5), alignedBytes(MIN_DIRECT_LENGTH)],
  'a view that does not start at a page': () => [
    alignedBytes(MIN_DIRECT_LENGTH + 8192).subarray(100),
  ],
};

describe('writing past the page cache', () => {
  it.each(Object.entries(cases))('stores %s to the byte', async (name, parts) => {
    const path = join(folder, name);
    const data = parts();
    await writeDurableFile(path, data, { mode: 0o600, directWriter: new DirectWriter() });
    expect((await readFile(path)).equals(concatBytes(data))).toBe(true);
    expect((await stat(path)).size).toBe(bytesLength(data));
  });

  it('goes by way of the page cache where the file system refuses, and remembers that', async () => {
    const refusing = new DirectWriter();
    let attempts = 0;
    refusing.write = async () => {
      attempts += 1;
      throw Object.assign(new Error('refused'), { code: 'EINVAL' });
    };
    for (const name of ['first', 'second']) {
      const data = randomBytes(MIN_DIRECT_LENGTH);
      const path = join(folder, name);
      await writeDurableFile(path, data, { mode: 0o600, directWriter: refusing });
      expect((await readFile(path)).equals(data)).toBe(true);
    }
    expect(attempts).toBe(1);
    expect(refusing.isPossible).toBe(false);
  });

  it('stops between two writes when it is aborted', async () => {
    const handle = await open(join(folder, 'aborted'), constants.O_WRONLY | constants.O_CREAT);
    const reason = new Error('enough');
    await expect(
      new DirectWriter().write(handle, alignedBytes(MIN_DIRECT_LENGTH), AbortSignal.abort(reason)),
    ).rejects.toBe(reason);
    await handle.close();
  });
});
