import { withStorage } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { duration, integer } from '../grammar/value-flags.ts';
import { validateStorage } from '../connection/validate-storage.ts';
import { openStorage } from '../connection/open-storage.ts';

export const command: Command = defineCommand({
  summary: 'Check that the storage does what a repository needs.',
  details: 'Everything it writes has a name of its own and is deleted at the end.',
  flags: {
    'num-storage-connections': integer('Connections used at once.', { default: 4 }),
    'concurrency-test-duration': duration('How long many writers and readers run.', {
      default: 30_000_000_000n,
    }),
    'put-blob-workers': integer('Writers in that time.', { default: 3 }),
    'get-blob-workers': integer('Readers in that time.', { default: 3 }),
    'get-metadata-workers': integer('Readers of metadata in that time.', { default: 3 }),
  },
  args: {},
  async run(context, { flags }) {
    await withStorage(context, async ({ config }) => {
      const count = Math.max(1, flags['num-storage-connections']);
      await using connections = new AsyncDisposableStack();
      const storages = [];
      for (let i = 0; i < count; i++) {
        const { throttlingLimits: limits } = config.client;
        storages.push(connections.use(await openStorage(context, config.storage, { limits })));
      }
      await validateStorage(context, storages, {
        durationMilliseconds: Number(flags['concurrency-test-duration'] / 1_000_000n),
        writers: flags['put-blob-workers'],
        readers: flags['get-blob-workers'],
        metadataReaders: flags['get-metadata-workers'],
      });
      context.log.info('All good.');
    });
  },
});
