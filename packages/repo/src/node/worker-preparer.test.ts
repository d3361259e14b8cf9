import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import type { Algorithms } from '../algorithms.ts';
import { parseBlobID } from '../blob/storage.ts';
import { encodeHex, encodeUtf8 } from '../bytes.ts';
import { makeContentID } from '../content/content-id.ts';
import type { ContentInfo } from '../content/content-info.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import type { ContentPreparer, UnsealedContent } from '../content/content-preparer.ts';
import { createContentWorld, seededBytes } from '../content/content-world.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import { createInThreadPreparer, createSlotPool } from '../content/in-thread-preparer.ts';
import { errorCode } from '../errors.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import { nativeAlgorithms } from './native-algorithms.ts';
import { nativeEngine, type NativeEngineOptions } from './native-engine.ts';
import { createCopy, startContentThread, WorkerPreparer } from './worker-preparer.ts';

const SLOT_SIZE = 2 * 1024 * 1024;
const PACK = parseBlobID('p00112233445566778899aabbccddeeff-s0123456789abcdef147');
const TEXT = encodeUtf8('over and over again. '.repeat(5_000));

const opened: AsyncDisposable[] = [];
afterAll(async () => {
  for (const one of opened) await one[Symbol.asyncDispose]();
});

async function worldFormat(eccOverheadPercent?: number): Promise<RepositoryFormat> {
  const world = await createContentWorld(
    eccOverheadPercent === undefined ? {} : { eccOverheadPercent },
  );
  return world.format;
}

function inThread(
  algorithms: () => Algorithms,
): (format: RepositoryFormat) => Promise<ContentPreparer> {
  return async (format) => {
    const kernel = await createContentKernel(algorithms(), format);
    return createInThreadPreparer(kernel, createSlotPool({ slotSize: SLOT_SIZE, count: 4 }));
  };
}

async function workers(
  format: RepositoryFormat,
  engineOptions: NativeEngineOptions = {},
): Promise<ContentPreparer> {
  const algorithms = nativeAlgorithms();
  const kernel = await createContentKernel(algorithms, format);
  const engine = await nativeEngine({ workers: 2, slots: 4, ...engineOptions })({
    format,
    algorithms,
    kernel,
    writes: true,
    minimumSlotSize: SLOT_SIZE,
  });
  opened.push(engine);
  return engine.preparer;
}

async function reference(format: RepositoryFormat): Promise<ContentKernel> {
  return createContentKernel(portableAlgorithms(), format);
}

/** Contents of all sizes that matter, in ordinary memory and in slots. */
async function samples(preparer: ContentPreparer): Promise<readonly Uint8Array[]> {
  const slot = await preparer.slots.acquire();
  const large = seededBytes(1, 300_000);
  preparer.slots.copy(large, slot.bytes.subarray(7, 7 + large.length));
  return [
    slot.bytes.subarray(7, 7 + large.length),
    slot.bytes.subarray(9, 9 + 65_537),
    TEXT,
    new Uint8Array(),
    seededBytes(2, 10),
    seededBytes(3, 50_000),
  ];
}

async function unsealed(
  preparer: ContentPreparer,
  data: readonly Uint8Array[],
): Promise<readonly UnsealedContent[]> {
  const hashes = await preparer.hash(data);
  return data.map((one, index) => ({
    data: one,
    hash: hashes[index]!,
    compressor: index % 2 === 0 ? 'gzip' : undefined,
  }));
}

describe.each([
  ['in thread, portable', inThread(portableAlgorithms)],
  ['in thread, native', inThread(nativeAlgorithms)],
  ['on workers', workers],
  [
    'on threads that run already',
    (format: RepositoryFormat) => workers(format, { startThreads: true }),
  ],
] as const)('a preparer %s', (_, create) => {
  it('hashes as the reference does, alone and in batches, and leaves the data alone', async () => {
    const format = await worldFormat();
    const preparer = await create(format);
    const kernel = await reference(format);
    const data = await samples(preparer);
    const copies = data.map((one) => one.slice());
    const expected = copies.map((one) => encodeHex(kernel.parts.hash.hash(one)));
    expect((await preparer.hash(data)).map(encodeHex)).toEqual(expected);
    const alone = await Promise.all(data.map(async (one) => (await preparer.hash([one]))[0]!));
    expect(alone.map(encodeHex)).toEqual(expected);
    expect(data.map((one) => one.slice())).toEqual(copies);
    expect(await preparer.hash([])).toEqual([]);
  });

  it.each([undefined, 20])(
    'seals what the reference opens, into any memory, and opens it (error correction %s)',
    async (ecc) => {
      const format = await worldFormat(ecc);
      const preparer = await create(format);
      const kernel = await reference(format);
      const batch = await unsealed(preparer, await samples(preparer));
      const room = batch.reduce((sum, { data }) => sum + preparer.sealedLength(data.length), 0);
      for (const target of [
        preparer.createBuffer(room + 5).subarray(5),
        new Uint8Array(room + 3).subarray(3),
      ]) {
        const sealed = await preparer.seal(batch, target);
        let offset = 0;
        const stored = sealed.map(({ length, compressionHeaderID }, index) => {
          const bytes = target.subarray(offset, offset + length);
          const { data, hash } = batch[index]!;
          const info: ContentInfo = {
            contentID: makeContentID('', hash),
            packBlobID: PACK,
            packOffset: offset,
            packedLength: length,
            originalLength: data.length,
            timestampSeconds: 1,
            deleted: false,
            formatVersion: 3,
            compressionHeaderID,
            encryptionKeyID: 0,
          };
          offset += length;
          expect(kernel.open({ bytes: bytes.slice(), info }).data).toEqual(data.slice());
          return { bytes, info };
        });
        expect(sealed[2]!.compressionHeaderID).toBe(0x1000);
        expect(sealed[0]!.compressionHeaderID).toBe(0);
        const results = await preparer.open(stored);
        expect(results.map(({ data }) => data)).toEqual(batch.map(({ data }) => data.slice()));
        expect(results.every(({ repaired }) => !repaired)).toBe(true);
        // Each result is its receiver's own.
        for (const { data } of results)
          structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
        expect(target.length).toBe(room);
      }
    },
  );

  it('names content, pack and offset of what is damaged, whatever its size', async () => {
    const format = await worldFormat();
    const preparer = await create(format);
    for (const length of [100, 200_000]) {
      const [content] = await unsealed(preparer, [seededBytes(1, length)]);
      const target = preparer.createBuffer(preparer.sealedLength(length));
      await preparer.seal([content!], target);
      const contentID = makeContentID('', content!.hash);
      const info: ContentInfo = {
        contentID,
        packBlobID: PACK,
        packOffset: 77,
        packedLength: target.length,
        originalLength: length,
        timestampSeconds: 1,
        deleted: false,
        formatVersion: 3,
        compressionHeaderID: 0,
        encryptionKeyID: 0,
      };
      const facts = { contentID, blobID: PACK, offset: 77 };
      const damaged = target.slice();
      damaged[length >> 1]! ^= 1;
      await expect(preparer.open([{ bytes: damaged, info }])).rejects.toMatchObject({
        name: 'CorruptDataError',
        code: 'CORRUPT_DATA',
        facts,
      });
      await expect(
        preparer.open([{ bytes: target, info: { ...info, originalLength: length + 1 } }]),
      ).rejects.toMatchObject({ code: 'CORRUPT_DATA', facts });
      await expect(
        preparer.open([{ bytes: target, info: { ...info, compressionHeaderID: 0x1000 } }]),
      ).rejects.toMatchObject({ code: 'CORRUPT_DATA', facts });
      await expect(
        preparer.open([{ bytes: target, info: { ...info, encryptionKeyID: 1 } }]),
      ).rejects.toMatchObject({ code: 'UNSUPPORTED' });
      expect((await preparer.open([{ bytes: target, info }]))[0]!.data).toEqual(
        seededBytes(1, length),
      );
    }
  });

  it('says when error correction had to mend something', async () => {
    const format = await worldFormat(30);
    const preparer = await create(format);
    const data = seededBytes(1, 100_000);
    const [content] = await unsealed(preparer, [data]);
    const target = preparer.createBuffer(preparer.sealedLength(data.length));
    await preparer.seal([content!], target);
    // Parity lies in front; this is data.
    target.fill(0xff, target.length - 5_000, target.length - 4_950);
    const info: ContentInfo = {
      contentID: makeContentID('', content!.hash),
      packBlobID: PACK,
      packOffset: 0,
      packedLength: target.length,
      originalLength: data.length,
      timestampSeconds: 1,
      deleted: false,
      formatVersion: 3,
      compressionHeaderID: 0,
      encryptionKeyID: 0,
    };
    expect(await preparer.open([{ bytes: target, info }])).toEqual([{ data, repaired: true }]);
  });

  it('does not begin what is aborted', async () => {
    const preparer = await create(await worldFormat());
    const signal = AbortSignal.abort('enough');
    for (const length of [10, 100_000]) {
      await expect(preparer.hash([new Uint8Array(length)], { signal })).rejects.toBe('enough');
    }
  });
});

describe('workers', () => {
  it('take many tasks at once', async () => {
    const format = await worldFormat();
    const preparer = await workers(format);
    const kernel = await reference(format);
    const data = Array.from({ length: 40 }, (_, index) => seededBytes(index, 50_000 + index));
    const hashes = await Promise.all(data.map((one) => preparer.hash([one])));
    expect(hashes.map(([hash]) => encodeHex(hash!))).toEqual(
      data.map((one) => encodeHex(kernel.parts.hash.hash(one))),
    );
  });

  it('run functions of other modules, whose buffers move there and back', async () => {
    const preparer = await workers(await worldFormat());
    const module = `data:text/javascript,${encodeURIComponent(`
      export function run({ bytes, fails }) {
        if (fails) throw new TypeError('as asked');
        for (let i = 0; i < bytes.length; i++) bytes[i] += 1;
        return { output: { bytes, count: bytes.length }, moved: [bytes.buffer] };
      }`)}`;
    const call = (input: { readonly bytes: Uint8Array<ArrayBuffer>; readonly fails?: boolean }) =>
      preparer.call!({ module, input, moved: [input.bytes.buffer] });
    const lent = Array.from({ length: 8 }, (_, index) => Uint8Array.of(index, 7));
    const outputs = await Promise.all(lent.map((bytes) => call({ bytes })));
    expect(outputs).toEqual(
      lent.map((_, index) => ({ bytes: Uint8Array.of(index + 1, 8), count: 2 })),
    );
    expect(lent.map(({ length }) => length)).toEqual(lent.map(() => 0));
    await expect(call({ bytes: new Uint8Array(1), fails: true })).rejects.toThrow('as asked');
    await expect(
      preparer.call!({ module: 'file:///nowhere.js', input: 1, moved: [] }),
    ).rejects.toThrow('nowhere');
    await expect(preparer.hash([new Uint8Array(100_000)])).resolves.toHaveLength(1);
  });

  it('fail their tasks when the repository is closed, and take no more', async () => {
    const preparer = await workers(await worldFormat());
    const data = new Uint8Array(1_000_000);
    const running = Array.from({ length: 20 }, () =>
      preparer.hash([data]).then(
        () => 'hashed',
        (error: unknown) => error,
      ),
    );
    await preparer[Symbol.asyncDispose]();
    for (const outcome of await Promise.all(running)) {
      expect(outcome === 'hashed' || outcome).toMatchObject(
        outcome === 'hashed' ? {} : { code: 'ABORTED' },
      );
    }
    expect(await running.at(-1)).toMatchObject({ code: 'ABORTED' });
    await expect(preparer.hash([data])).rejects.toMatchObject({ code: 'ABORTED' });
    await preparer[Symbol.asyncDispose]();
  });

  it('leave a Buffer to its owner', async () => {
    const preparer = await workers(await worldFormat());
    const data = Buffer.from(seededBytes(1, 200_000));
    const [first, second] = [data.subarray(0, 100_000), data.subarray(100_000)];
    const hashes = await preparer.hash([first, second]);
    expect(data.length).toBe(200_000);
    expect(await preparer.hash([first.slice(), new Uint8Array(second)])).toEqual(hashes);
  });

  it('that crash fail their own tasks only, and others take their place', async () => {
    const format = await worldFormat();
    const kernel = await createContentKernel(nativeAlgorithms(), format);
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
    // No kernel has room for its scratch at the very end of the memory: this worker dies as it starts.
    const broken = { format, memory, scratchOffset: memory.buffer.byteLength - 16 };
    await using preparer = new WorkerPreparer({
      kernel,
      memory,
      slotsOffset: 0,
      slotSize: 1024,
      slotCount: 1,
      reading: { offset: 0, bufferLength: 1024, count: 1 },
      setups: [broken, { format, memory, scratchOffset: 0 }],
    });
    const data = seededBytes(1, 100_000);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 30 }, () => preparer.hash([data])),
    );
    const hashed = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(hashed.length).toBeGreaterThan(0);
    expect(hashed.length).toBeLessThan(30);
    await using hopeless = new WorkerPreparer({
      kernel,
      memory,
      slotsOffset: 0,
      slotSize: 1024,
      slotCount: 1,
      reading: { offset: 0, bufferLength: 1024, count: 1 },
      setups: [broken],
    });
    const failed = await Promise.allSettled(Array.from({ length: 7 }, () => hopeless.hash([data])));
    expect(failed.map((outcome) => 'reason' in outcome && errorCode(outcome.reason))).toEqual(
      Array.from({ length: 7 }, () => 'WORKER_FAILED'),
    );
  });

  it('start anew in the place of a thread that ended before it had work', async () => {
    const format = await worldFormat();
    const kernel = await createContentKernel(nativeAlgorithms(), format);
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
    const ended = startContentThread();
    await ended.terminate();
    const spare = startContentThread();
    await using preparer = new WorkerPreparer({
      kernel,
      memory,
      slotsOffset: 0,
      slotSize: 1024,
      slotCount: 1,
      reading: { offset: 0, bufferLength: 1024, count: 1 },
      setups: [{ format, memory, scratchOffset: 0 }],
      threads: [spare, ended],
    });
    const data = seededBytes(1, 100_000);
    const [hash] = await preparer.hash([data]);
    expect(hash).toEqual(kernel.parts.hash.hash(data));
    await preparer[Symbol.asyncDispose]();
    expect(spare.threadId).toBe(-1);
  });

  it('do not hold the process when they are idle', () => {
    const engine = new URL('./native-engine.ts', import.meta.url).href;
    const algorithms = new URL('./native-algorithms.ts', import.meta.url).href;
    const kernels = new URL('../content/create-kernel.ts', import.meta.url).href;
    const program = `
      import { nativeEngine } from '${engine}';
      import { nativeAlgorithms } from '${algorithms}';
      import { createContentKernel } from '${kernels}';
      const format = { hash: 'BLAKE2B-256-128', secret: new Uint8Array(32), encryption: 'AES256-GCM-HMAC-SHA256', masterKey: new Uint8Array(32), ecc: undefined };
      const algorithms = nativeAlgorithms();
      const kernel = await createContentKernel(algorithms, format);
      const { preparer } = await nativeEngine({ workers: 2 })({ format, algorithms, kernel, minimumSlotSize: 100 });
      const hashes = await Promise.all([1, 2, 3].map(() => preparer.hash([new Uint8Array(100_000)])));
      console.log(hashes.length);
    `;
    const options = ['--conditions=longshore-source', '--input-type=module', '--eval', program];
    const { stdout, stderr, status } = spawnSync(process.execPath, options, {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: '3\n', stderr: '', status: 0 });
  });
});

const memory = (kind: string, length: number): Uint8Array =>
  kind === 'shared' ? new Uint8Array(new SharedArrayBuffer(length)) : new Uint8Array(length);

describe('copying', () => {
  it.each([
    ['shared', 'shared'],
    ['shared', 'ordinary'],
    ['ordinary', 'shared'],
    ['ordinary', 'ordinary'],
  ])('from %s to %s memory moves exactly the bytes, at any alignment', (from, to) => {
    const copy = createCopy();
    for (const length of [0, 1, 7, 65_535, 65_536, 65_537, 200_000]) {
      for (const shift of [0, 1, 8, 13]) {
        const source = memory(from, length + 16).subarray(3, 3 + length);
        source.set(seededBytes(length, length));
        const target = memory(to, length + 40).fill(9);
        copy(source, target.subarray(shift, shift + length));
        expect(target.slice(shift, shift + length)).toEqual(source.slice());
        expect(target.subarray(0, shift).every((byte) => byte === 9)).toBe(true);
        expect(target.subarray(shift + length).every((byte) => byte === 9)).toBe(true);
      }
    }
    expect(() => copy(memory(from, 2), memory(to, 1))).toThrow(RangeError);
  });
});

it('an engine refuses numbers of workers and slots that cannot work', () => {
  for (const options of [{ workers: 0 }, { workers: 17 }, { workers: 1.5 }, { slots: 0 }]) {
    expect(() => nativeEngine(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  }
});
