import { readFileSync } from 'node:fs';
import {
  createSplitter,
  findSplitPoints,
  loadSplitterKernels,
  SPLITTER_NAMES,
} from '@longshore/chunker';
import {
  COMPRESSION_HEADER_IDS,
  createRepository,
  ENCRYPTION_NAMES,
  equalBytes,
  HASH_NAMES,
  portableAlgorithms,
  writeSession,
  type CompressorName,
  type HashName,
} from '@longshore/repo';
import { nativeAlgorithms, nativeEngine } from '@longshore/repo/node';
import { initializeRepository } from '@longshore/snapshot';
import { createSeededBytes } from '../seeded-bytes.ts';
import { createDiscardingStorage } from './discarding-storage.ts';
import { timeAsyncKernel, timeKernel, type KernelSample } from './kernel-timing.ts';

/* Times the kernels of one kind once and prints `KernelSample`s. Fast and portable results are compared first. */

export type KernelKind = 'splitter' | 'hash' | 'seal' | 'compress' | 'prepare';

export interface KernelRequest {
  readonly kind: KernelKind;
  /** For each figure. */
  readonly seconds: number;
  /** Bytes to work on at once. */
  readonly blockSize: number;
  /** Empty: all. */
  readonly names: readonly string[];
  /** For `compress`: what to compress instead of seeded text. */
  readonly dataFile?: string;
}

const MIB = 1024 ** 2;
/** The portable splitters take seconds for more. */
const COMPARED_BYTES = 16 * MIB;
const SECRET = new Uint8Array(32).fill(7);

function data(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  createSeededBytes(1).fillRandom(bytes);
  return bytes;
}

function sample(name: string, bytesPerSecond: number): KernelSample {
  return { name, bytesPerSecond };
}

function selected<T extends string>(names: readonly T[], { names: wanted }: KernelRequest): T[] {
  return names.filter((name) => wanted.length === 0 || wanted.includes(name));
}

function requireEqual(same: boolean, what: string): void {
  if (!same) throw new Error(`${what}: the fast kernel and the portable one differ`);
}

async function splitters(request: KernelRequest): Promise<KernelSample[]> {
  const memory = new WebAssembly.Memory({
    initial: 2 + Math.ceil(request.blockSize / 65_536),
  });
  const bytes = new Uint8Array(memory.buffer, 2 * 65_536, request.blockSize);
  bytes.set(data(request.blockSize));
  const kernels = await loadSplitterKernels({ memory });
  return selected(SPLITTER_NAMES, request).map((name) => {
    const splitter = createSplitter(name, { kernels });
    const compared = bytes.subarray(0, COMPARED_BYTES);
    requireEqual(
      findSplitPoints(compared, createSplitter(name)).join() ===
        findSplitPoints(compared, splitter).join(),
      `splitter ${name}`,
    );
    return sample(
      name,
      timeKernel(bytes.length, request.seconds, () => void findSplitPoints(bytes, splitter)),
    );
  });
}

async function hashes(request: KernelRequest): Promise<KernelSample[]> {
  const samples: KernelSample[] = [];
  for (const name of selected<HashName>(HASH_NAMES, request)) {
    const memory = new WebAssembly.Memory({
      initial: 16 + Math.ceil((2 * request.blockSize) / 65_536),
    });
    const [a, b] = [0, 1].map((index) => {
      const offset = 16 * 65_536 + index * request.blockSize;
      const block = new Uint8Array(memory.buffer, offset, request.blockSize);
      block.set(data(request.blockSize));
      return block;
    }) as [Uint8Array, Uint8Array];
    const hash = await nativeAlgorithms({ memory }).createHash(name, SECRET);
    const portable = await portableAlgorithms().createHash(name, SECRET);
    requireEqual(equalBytes(hash.hash(a), portable.hash(a)), `hash ${name}`);
    samples.push(
      sample(
        name,
        timeKernel(a.length, request.seconds, () => void hash.hash(a)),
      ),
    );
    const { hashPair } = hash;
    if (hashPair === undefined) continue;
    const pair = (): void => void hashPair.call(hash, a, b);
    samples.push(sample(`${name} (pair)`, timeKernel(2 * a.length, request.seconds, pair)));
  }
  return samples;
}

async function sealing(request: KernelRequest): Promise<KernelSample[]> {
  const plaintext = data(request.blockSize);
  const iv = new Uint8Array(16).fill(3);
  const samples: KernelSample[] = [];
  for (const name of selected(ENCRYPTION_NAMES, request)) {
    const cipher = await nativeAlgorithms().createCipher(name, SECRET);
    const portable = await portableAlgorithms().createCipher(name, SECRET);
    const target = new Uint8Array(plaintext.length + cipher.overhead);
    cipher.sealInto(plaintext, iv, target);
    requireEqual(equalBytes(portable.open(target, iv, 'sealed'), plaintext), `cipher ${name}`);
    const seal = (): void => cipher.sealInto(plaintext, iv, target);
    samples.push(sample(name, timeKernel(plaintext.length, request.seconds, seal)));
  }
  return samples;
}

function compression(request: KernelRequest): KernelSample[] {
  const bytes = request.dataFile === undefined ? text(request) : readFileSync(request.dataFile);
  const algorithms = nativeAlgorithms();
  const names = Object.keys(COMPRESSION_HEADER_IDS) as CompressorName[];
  const samples: KernelSample[] = [];
  for (const name of selected(names, request)) {
    const compressor = algorithms.compressor(name);
    const { compress } = compressor;
    if (compress === undefined) continue;
    const stream = compress(bytes);
    const back = compressor.decompress(stream, bytes.length, name);
    requireEqual(equalBytes(back, bytes), `compressor ${name}`);
    samples.push(
      sample(
        name,
        timeKernel(bytes.length, request.seconds, () => compress(bytes)),
      ),
    );
    const open = (): void => void compressor.decompress(stream, bytes.length, name);
    samples.push(sample(`${name} (decompress)`, timeKernel(bytes.length, request.seconds, open)));
  }
  return samples;
}

function text({ blockSize }: KernelRequest): Uint8Array {
  const bytes = new Uint8Array(blockSize);
  createSeededBytes(2).fillText(bytes);
  return bytes;
}

/** From memory through splitter, hash, cipher and packs on all processors, into a storage that forgets. */
async function preparing(request: KernelRequest): Promise<KernelSample[]> {
  const { storage } = createDiscardingStorage();
  await using repository = await createRepository({
    storage,
    password: 'bench',
    algorithms: nativeAlgorithms(),
    engine: nativeEngine(),
  });
  await writeSession(repository, {}, (writer) =>
    initializeRepository(writer, { userName: 'bench', hostName: 'bench' }),
  );
  const bytes = data(64 * MIB);
  const pieces = new DataView(bytes.buffer);
  let round = 0;
  const prepare = async (): Promise<void> => {
    // Other bytes in each segment each time: what is known already would not be prepared.
    round += 1;
    for (let at = 0; at < bytes.length; at += 65_536) pieces.setUint32(at, round * 0x9e3779b1);
    await writeSession(repository, {}, async (writer) => {
      await using object = writer.newObjectWriter();
      for (let at = 0; at < bytes.length; at += MIB) {
        await object.write(bytes.subarray(at, at + MIB));
      }
      await object.result();
    });
  };
  return [
    sample('one stream, all cores', await timeAsyncKernel(bytes.length, request.seconds, prepare)),
  ];
}

async function run(request: KernelRequest): Promise<KernelSample[]> {
  switch (request.kind) {
    case 'splitter':
      return splitters(request);
    case 'hash':
      return hashes(request);
    case 'seal':
      return sealing(request);
    case 'compress':
      return compression(request);
    case 'prepare':
      return preparing(request);
    default:
      return request.kind satisfies never;
  }
}

process.removeAllListeners('warning');
const samples = await run(JSON.parse(process.argv[2] ?? '{}') as KernelRequest);
process.stdout.write(`${JSON.stringify(samples)}\n`);
