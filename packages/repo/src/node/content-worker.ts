import { parentPort } from 'node:worker_threads';
import type { ContentKernel } from '../content/content-kernel.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import { sealBatch } from '../content/in-thread-preparer.ts';
import { concatBytes, ownBytes } from '../bytes.ts';
import type { ThreadFunction } from '../content/content-preparer.ts';
import { invariant } from '../errors.ts';
import {
  FILE_FAILED,
  FILE_GREW,
  LOOSE_OFFSET,
  type ContentWorkerReply,
  type ContentWorkerRequest,
  type ContentWorkerResult,
  type ContentWorkerSetup,
  type ContentWorkerTask,
  type WorkerBatch,
  type WorkerError,
} from './content-worker-protocol.ts';
import { nativeAlgorithms } from './native-algorithms.ts';
import { openInPlace } from './open-in-place.ts';
import { readWholeFile } from './whole-file.ts';
import { unpackInfo } from './packed-infos.ts';
import { packError } from './worker-error.ts';

const port = parentPort;
invariant(port !== null, 'the content worker runs as a worker thread');
/** The shared memory of the repository that this worker computes for. */
let heap: ArrayBufferLike;
let kernel: ContentKernel | undefined;
let starting: Promise<ContentKernel> | undefined;
/** Of tasks that other packages brought, by the URLs of their modules. */
const functions: Map<string, ThreadFunction> = new Map();

// The first message says for which repository: a thread may be started before that is known.
port.on('message', (message: ContentWorkerSetup | ContentWorkerRequest) => {
  if ('format' in message) starting = start(message);
  else if (kernel !== undefined) respond(kernel, message);
  else void starting?.then((started) => respond(started, message));
});

async function start({
  format,
  memory,
  scratchOffset,
}: ContentWorkerSetup): Promise<ContentKernel> {
  heap = memory.buffer;
  kernel = await createContentKernel(nativeAlgorithms({ memory, scratchOffset }), format);
  return kernel;
}

function respond(kernel: ContentKernel, request: ContentWorkerRequest): void {
  const { task } = request;
  if (task.kind === 'call' && !functions.has(task.module)) {
    void importAndRespond(kernel, request, task.module);
    return;
  }
  const { reply, transfer } = answer(kernel, request);
  port?.postMessage(reply, transfer);
}

async function importAndRespond(
  kernel: ContentKernel,
  request: ContentWorkerRequest,
  module: string,
): Promise<void> {
  try {
    const { run } = (await import(module)) as { readonly run: ThreadFunction };
    functions.set(module, run);
  } catch (error) {
    port?.postMessage({ id: request.id, error: packError(error) }, []);
    return;
  }
  respond(kernel, request);
}

function answer(
  kernel: ContentKernel,
  { id, task }: ContentWorkerRequest,
): { readonly reply: ContentWorkerReply; readonly transfer: ArrayBuffer[] } {
  try {
    const { result, transfer } = movable(run(kernel, task));
    return { reply: { id, result }, transfer };
  } catch (error) {
    return { reply: { id, error: packError(error) }, transfer: [] };
  }
}

function run(kernel: ContentKernel, task: ContentWorkerTask): ContentWorkerResult {
  switch (task.kind) {
    case 'hash':
      return { kind: 'hash', hashes: concatBytes(kernel.hash(resolveBatch(task.batch))) };
    case 'seal':
      return seal(kernel, task);
    case 'open': {
      const stored = resolveBatch(task.batch);
      const opened = stored.map((bytes, index) =>
        kernel.open({ info: unpackInfo(task.infos, index), bytes }),
      );
      return { kind: 'open', opened };
    }
    case 'open-in-place':
      return openInPlace(kernel, heap, task);
    case 'load':
      return load(kernel, task);
    case 'call':
      return { kind: 'call', ...functions.get(task.module)!(task.input as never) };
    default:
      throw new Error(`no such task: ${JSON.stringify(task)}`);
  }
}

function seal(
  kernel: ContentKernel,
  task: ContentWorkerTask & { readonly kind: 'seal' },
): ContentWorkerResult {
  const { hashes, compressors, target, targetLength } = task;
  const data = resolveBatch(task.batch);
  const hashLength = hashes.length / data.length;
  const own = target === undefined ? new Uint8Array(targetLength) : undefined;
  const sealed = sealBatch(
    kernel,
    data.map((bytes, index) => ({
      data: bytes,
      hash: hashes.subarray(index * hashLength, (index + 1) * hashLength),
      compressor: isList(compressors) ? compressors[index] : compressors,
    })),
    target ?? own!,
  );
  return {
    kind: 'seal',
    lengths: Float64Array.from(sealed, ({ length }) => length),
    headerIDs: Uint32Array.from(sealed, ({ compressionHeaderID }) => compressionHeaderID),
    bytes: own,
  };
}

function load(
  kernel: ContentKernel,
  { paths, spans }: ContentWorkerTask & { readonly kind: 'load' },
): ContentWorkerResult {
  const lengths = new Float64Array(paths.length);
  const read: Uint8Array[] = [];
  const errors: WorkerError[] = [];
  for (const [index, path] of paths.entries()) {
    const target = new Uint8Array(heap, spans[2 * index], spans[2 * index + 1]);
    try {
      const length = readWholeFile(path, target) ?? FILE_GREW;
      lengths[index] = length;
      if (length >= 0) read.push(target.subarray(0, length));
    } catch (error) {
      lengths[index] = FILE_FAILED;
      errors.push(packError(error));
    }
  }
  return { kind: 'load', lengths, hashes: concatBytes(kernel.hash(read)), errors };
}

function resolveBatch({ spans, loose }: WorkerBatch): Uint8Array[] {
  const resolved: Uint8Array[] = [];
  let nextLoose = 0;
  for (let i = 0; i < spans.length; i += 2) {
    const offset = spans[i]!;
    resolved.push(
      offset === LOOSE_OFFSET ? loose[nextLoose++]! : new Uint8Array(heap, offset, spans[i + 1]),
    );
  }
  return resolved;
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

/** Results move to the receiver. Views of something larger are copied: posting one would take all of it along. */
function movable(result: ContentWorkerResult): {
  readonly result: ContentWorkerResult;
  readonly transfer: ArrayBuffer[];
} {
  if (result.kind === 'seal') {
    return { result, transfer: result.bytes === undefined ? [] : [result.bytes.buffer] };
  }
  if (result.kind === 'open-in-place') {
    return { result, transfer: result.loose.map(({ buffer }) => buffer) };
  }
  if (result.kind === 'call') {
    return { result: { ...result, moved: [] }, transfer: [...result.moved] };
  }
  if (result.kind !== 'open') return { result, transfer: [] };
  const opened = result.opened.map(({ data, repaired }) => ({ data: ownBytes(data), repaired }));
  return { result: { kind: 'open', opened }, transfer: opened.map(({ data }) => data.buffer) };
}
