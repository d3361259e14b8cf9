import { prefetchMetadata } from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { integer } from '../grammar/value-flags.ts';
import { requirePositive } from '../output/benchmark.ts';
import { connectedCache, NO_CACHE_NEEDED } from './cache-folder.ts';

export const command: Command = defineCommand({
  summary: 'Fetch into the cache what it lacks of indexes, manifests and directories.',
  details:
    'After it, listing snapshots and walking their trees asks the storage for little, as far as the cache has room for all.',
  flags: { parallel: integer('Requests to the storage at once.', { default: 16 }) },
  args: {},
  async run(context, { flags }) {
    const { log, signal } = context;
    const { parallel: parallelism } = flags;
    requirePositive('--parallel', parallelism);
    connectedCache(context);
    await withRepository(context, async ({ repository }) => {
      const { contents, isCached } = await prefetchMetadata(repository, { parallelism, signal });
      log.info(isCached ? `The cache has been given ${contents} contents.` : NO_CACHE_NEEDED);
    });
  },
});
