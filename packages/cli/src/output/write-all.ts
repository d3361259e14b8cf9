import { once } from 'node:events';
import type { CommandContext } from '../context.ts';

/** Writes to standard output and waits until it may take more, so that a slow reader bounds our memory. */
export async function writeAll(
  { stdout, signal }: Pick<CommandContext, 'stdout' | 'signal'>,
  data: Uint8Array,
): Promise<void> {
  if (stdout.write(data)) return;
  await once(process.stdout, 'drain', { signal });
}
