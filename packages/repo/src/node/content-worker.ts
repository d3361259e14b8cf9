import { parentPort, workerData } from 'node:worker_threads';
import type { ContentKernel } from '../content/content-kernel.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import { sealBatch } from '../content/in-thread-preparer.ts';
import { describeError, errorCode, invariant, LongshoreError } from '../errors.ts';
import type {
  ContentWorkerReply,
  ContentWorkerRequest,
  ContentWorkerResult,
  ContentWorkerSetup,
  ContentWorkerTask,
  WorkerBytes,
  WorkerError,
} from './content-worker-protocol.ts';
import { nativeAlgorithms } from './native-algorithms.ts';

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
    const result = run(kernel, task);
    return { reply: { id, result }, transfer: transferable(result) };
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
  const target = task.target ?? new Uint8Array(task.targetLength);
  const batch = task.batch.map((one) => ({ ...one, data: resolveBytes(one.data) }));
  const sealed = sealBatch(kernel, batch, target);
  return { kind: 'seal', sealed, bytes: task.target === undefined ? target : undefined };
}

function resolveBytes(bytes: WorkerBytes): Uint8Array {
  return 'bytes' in bytes ? bytes.bytes : new Uint8Array(heap, bytes.offset, bytes.length);
}

/** Results that own their memory move to the receiver; views of something larger are copied. */
function transferable(result: ContentWorkerResult): ArrayBuffer[] {
  const owned: ArrayBuffer[] = [];
  if (result.kind === 'open') {
    for (const { data } of result.opened) {
      if (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength) {
        owned.push(data.buffer);
      }
    }
  } else if (result.kind === 'seal' && result.bytes?.buffer instanceof ArrayBuffer) {
    owned.push(result.bytes.buffer);
  }
  return owned;
}

function packError(error: unknown): WorkerError {
  return {
    code: errorCode(error),
    message: describeError(error),
    stack: error instanceof Error ? error.stack : undefined,
    facts: error instanceof LongshoreError ? error.facts : {},
  };
}
