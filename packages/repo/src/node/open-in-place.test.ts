import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseBlobID } from '../blob/storage.ts';
import type { CompressorName } from '../compression/compressor.ts';
import { makeContentID } from '../content/content-id.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import type { FilePlace, InPlaceOpener, Slot, StoredContent } from '../content/content-preparer.ts';
import { createContentWorld, seededBytes } from '../content/content-world.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import { nativeAlgorithms } from './native-algorithms.ts';
import { nativeEngine } from './native-engine.ts';

let folder: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-open-'));
  fd = openSync(join(folder, 'file'), 'w+');
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

interface Opening extends AsyncDisposable {
  readonly opener: InPlaceOpener;
  readonly kernel: ContentKernel;
  readonly buffer: Slot;
}

async function opening(eccOverheadPercent?: number): Promise<Opening> {
  const { format } = await createContentWorld(
    eccOverheadPercent === undefined ? {} : { eccOverheadPercent },
  );
  const algorithms = nativeAlgorithms();
  const kernel = await createContentKernel(algorithms, format);
  const engine = await nativeEngine({ workers: 2 })({
    format,
    algorithms,
    kernel,
    writes: false,
    minimumSlotSize: 1024 * 1024,
  });
  const opener = engine.preparer.inPlace!;
  const buffer = await opener.acquire();
  return {
    opener,
    kernel,
    buffer,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** Seals to the buffer, one behind the other. */
function storedIn(
  { kernel, buffer }: Opening,
  contents: readonly { readonly data: Uint8Array; readonly compressor?: CompressorName }[],
): (StoredContent & { readonly start: number })[] {
  let offset = 5;
  return contents.map(({ data, compressor }) => {
    const [hash] = kernel.hash([data]);
    const target = new Uint8Array(kernel.sealedLength(data.length));
    const { length, compressionHeaderID } = kernel.sealInto(
      { data, hash: hash!, compressor },
      target,
    );
    const start = offset;
    const bytes = buffer.bytes.subarray(start, start + length);
    bytes.set(target.subarray(0, length));
    offset += length;
    const info = {
      contentID: makeContentID('', hash!),
      packBlobID: parseBlobID('p00112233445566778899aabbccddeeff-s0123456789abcdef147'),
      packOffset: offset,
      packedLength: length,
      originalLength: data.length,
      timestampSeconds: 1,
      deleted: false,
      formatVersion: 3,
      compressionHeaderID,
      encryptionKeyID: 0,
    };
    return { bytes, info, start };
  });
}

const to = (position: number, { length }: Uint8Array, holeSize = 0): FilePlace => ({
  fd,
  position,
  length,
  holeSize,
});

const TEXT = new TextEncoder().encode('over and over again. '.repeat(5_000));

describe('contents opened in place', () => {
  it.each([undefined, 20])(
    'are handed over or written to each of their places (error correction %s)',
    async (ecc) => {
      await using open = await opening(ecc);
      const [a, b, c] = [seededBytes(1, 300_000), seededBytes(2, 70_000), new Uint8Array()];
      const stored = storedIn(open, [
        { data: a },
        { data: b },
        { data: c },
        { data: TEXT, compressor: 'zstd-fastest' },
        { data: TEXT, compressor: 'zstd-fastest' },
      ]);
      const places = [
        [to(0, a), to(1_000_000, a)],
        undefined,
        undefined,
        undefined,
        [to(400_000, TEXT)],
      ];
      const outcomes = await open.opener.open(
        open.buffer,
        stored.map((content, index) => ({ ...content, places: places[index] })),
      );
      expect(outcomes[0]).toEqual({
        length: a.length,
        failures: [undefined, undefined],
        repaired: false,
      });
      expect(outcomes[4]).toEqual({ length: TEXT.length, failures: [undefined], repaired: false });
      const handedOver = outcomes.map((outcome) =>
        'data' in outcome ? outcome.data.slice() : undefined,
      );
      expect(handedOver).toEqual([undefined, b, c, TEXT, undefined]);
      const written = readFileSync(join(folder, 'file'));
      expect(written.subarray(0, 300_000).equals(a)).toBe(true);
      expect(written.subarray(1_000_000).equals(a)).toBe(true);
      expect(written.subarray(400_000, 400_000 + TEXT.length).equals(TEXT)).toBe(true);
    },
  );

  it('that go nowhere are checked all the same', async () => {
    await using open = await opening();
    const data = seededBytes(1, 100_000);
    const stored = storedIn(open, [{ data }, { data: TEXT, compressor: 'gzip' }, { data }]);
    stored[2]!.bytes[99]! ^= 1;
    const outcomes = await open.opener.open(
      open.buffer,
      stored.map((one) => ({ ...one, places: [] })),
    );
    expect(outcomes).toMatchObject([
      { length: data.length, failures: [], repaired: false },
      { length: TEXT.length, failures: [], repaired: false },
      { error: { code: 'CORRUPT_DATA' } },
    ]);
  });

  it('leave holes where that is asked for', async () => {
    await using open = await opening();
    const data = new Uint8Array(400_000);
    data.set(seededBytes(1, 100));
    const [stored] = storedIn(open, [{ data }]);
    const places = [to(0, data, 4096)];
    await open.opener.open(open.buffer, [{ ...stored!, places }]);
    expect(statSync(join(folder, 'file')).blocks * 512).toBeLessThan(100_000);
  });

  it('that are damaged are not written, and cost no other', async () => {
    await using open = await opening();
    const [a, b] = [seededBytes(1, 100_000), seededBytes(2, 100_000)];
    const stored = storedIn(open, [{ data: a }, { data: a }, { data: b }]);
    // Sound bytes under another content's name are authentic for nobody.
    stored[1] = {
      ...stored[1]!,
      info: { ...stored[1]!.info, contentID: stored[2]!.info.contentID },
    };
    stored[0]!.bytes[50]! ^= 1;
    const outcomes = await open.opener.open(
      open.buffer,
      stored.map((content, index) => ({ ...content, places: [to(index * 100_000, a)] })),
    );
    for (const index of [0, 1]) {
      const { contentID, packBlobID, packOffset } = stored[index]!.info;
      expect(outcomes[index]).toMatchObject({
        error: {
          code: 'CORRUPT_DATA',
          facts: { contentID, blobID: packBlobID, offset: packOffset },
        },
      });
    }
    expect(outcomes[2]).toEqual({ length: b.length, failures: [undefined], repaired: false });
    const written = readFileSync(join(folder, 'file'));
    expect(written.subarray(0, 200_000).every((byte) => byte === 0)).toBe(true);
    expect(written.subarray(200_000).equals(b)).toBe(true);
  });

  it('are compared with their IDs', async () => {
    await using open = await opening();
    const data = seededBytes(1, 100_000);
    const [hash] = open.kernel.hash([seededBytes(2, 10)]);
    // What a writer with a defect would store: sealed under a name that is not its hash.
    const bytes = open.buffer.bytes.subarray(0, open.kernel.sealedLength(data.length));
    open.kernel.sealInto({ data, hash: hash!, compressor: undefined }, bytes);
    const [stored] = storedIn(open, [{ data: new Uint8Array() }]);
    open.kernel.sealInto({ data, hash: hash!, compressor: undefined }, bytes);
    const wrong = {
      start: 0,
      info: {
        ...stored!.info,
        packedLength: bytes.length,
        contentID: makeContentID('', hash!),
        originalLength: data.length,
      },
      places: [to(0, data)],
    };
    expect(await open.opener.open(open.buffer, [wrong])).toMatchObject([
      { error: { code: 'CORRUPT_DATA', message: expect.stringContaining('hash') } },
    ]);
    expect(statSync(join(folder, 'file')).size).toBe(0);
  });

  it('say why a place was not written', async () => {
    await using open = await opening();
    const data = seededBytes(1, 100_000);
    const [stored] = storedIn(open, [{ data }]);
    const readOnly = openSync(join(folder, 'file'), 'r');
    const places = [
      { ...to(0, data), fd: readOnly },
      to(0, data),
      { ...to(0, data), length: 99_999 },
    ];
    const outcomes = await open.opener.open(open.buffer, [{ ...stored!, places }]);
    closeSync(readOnly);
    expect(outcomes).toMatchObject([
      { failures: [{ code: 'EBADF' }, undefined, { code: 'CORRUPT_DATA' }] },
    ]);
    expect(readFileSync(join(folder, 'file')).equals(data)).toBe(true);
  });
});
