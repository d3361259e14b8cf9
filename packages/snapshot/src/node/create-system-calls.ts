import { createFsCalls } from './fs-calls.ts';
import { createLibcCalls } from './libc-calls.ts';
import { loadLibc } from './libc.ts';
import type { SystemCalls } from './system-calls.ts';

/** The calls of libc where Node can reach them (Linux, Node 26), otherwise what `node:fs` can do. Of one thread only. */
export function createSystemCalls(): SystemCalls {
  const libc = loadLibc();
  return libc === undefined ? createFsCalls() : createLibcCalls(libc);
}
