import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand, type Command } from '../grammar/command.ts';
import { oneOf } from '../grammar/value-flags.ts';
import { CACHE_PARTS, connectedCache } from './cache-folder.ts';

/** Copies of the format that Kopia keeps beside its parts. */
const CACHED_FORMAT = ['kopia.repository', 'kopia.blobcfg'];

export const command: Command = defineCommand({
  summary: 'Empty the cache.',
  details:
    'Takes away the parts that Kopia and longshore keep in the cache folder, and nothing else that may be there.',
  flags: { partial: oneOf(CACHE_PARTS)('Only this part of the cache.') },
  args: {},
  async run(context, { flags }) {
    const { folder } = connectedCache(context);
    const names =
      flags.partial === undefined ? [...CACHE_PARTS, ...CACHED_FORMAT] : [flags.partial];
    for (const name of names) {
      context.signal.throwIfAborted();
      await rm(join(folder, name), { recursive: true, force: true, maxRetries: 3 });
    }
    context.log.info(`Emptied the cache in ${folder}.`);
  },
});
