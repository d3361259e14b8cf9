import { parentPort, workerData } from 'node:worker_threads';
import type { ContentKernel } from '../content/content-kernel.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import { sealBatch } from '../content/in-thread-preparer.ts';
import { invariant } from '../errors.ts';
import type {
  ContentWorkerReply,
  ContentWorkerRequest,
  ContentWorkerResult,
  ContentWorkerSetup,
  ContentWorkerTask,
  WorkerBytes,
} from './content-worker-protocol.ts';
import { nativeAlgorithms } from './native-algorithms.ts';
import { packError } from './worker-error.ts';

const setup = workerData as ContentWorkerSetup;
const port = parentPort;
invariant(port !== null, 'the content worker runs as a worker thread');
const heap = setup.memory.buffer;
// Requests wait in the port until the kernels are compiled.
const algorithms = nativeAlgorithms({ memory: setup.memory, scratchOffset: setup.scratchOffset });
const kernel = await createContentKernel(algorithms, setup.format);
port.on('message', (request: ContentWorkerRequest) => {
  const { reply, transfer } = answer(kernel, request);
  port.postMessage(reply, transfer);
});

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
  if (task.kind === 'hash') {
    return { kind: 'hash', hashes: kernel.hash(task.batch.map(resolveBytes)) };
  }
  if (task.kind === 'open') {
    const opened = task.batch.map(({ info, bytes }) =>
      kernel.open({ info, bytes: resolveBytes(bytes) }),
    );
    return { kind: 'open', opened };
  }
  const own = task.target === undefined ? new Uint8Array(task.targetLength) : undefined;
  const batch = task.batch.map((one) => ({ ...one, data: resolveBytes(one.data) }));
  const sealed = sealBatch(kernel, batch, task.target ?? own!);
  return { kind: 'seal', sealed, bytes: own };
}

function resolveBytes(bytes: WorkerBytes): Uint8Array {
  return 'bytes' in bytes ? bytes.bytes : new Uint8Array(heap, bytes.offset, bytes.length);
}

/** Results move to the receiver. Views of something larger are copied: posting one would take all of it along. */
function movable(result: ContentWorkerResult): {
  readonly result: ContentWorkerResult;
  readonly transfer: ArrayBuffer[];
} {
  if (result.kind === 'hash') {
    return {
      result: { ...result, hashes: result.hashes.map((hash) => hash.slice()) },
      transfer: [],
    };
  }
  if (result.kind === 'seal') {
    return { result, transfer: result.bytes === undefined ? [] : [result.bytes.buffer] };
  }
  const opened = result.opened.map(({ data, repaired }) => ({ data: owned(data), repaired }));
  return { result: { kind: 'open', opened }, transfer: opened.map(({ data }) => data.buffer) };
}

function owned(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = data;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength;
  return isWhole ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data);
}
