import { LongshoreError, prefetchObjects, type ObjectID } from '@longshore/repo';
import { findReferencedEntry } from '@longshore/snapshot';
import { withRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { text } from '../grammar/value-flags.ts';
import { connectedCache, NO_CACHE_NEEDED } from './cache-folder.ts';

export const command: Command = defineCommand({
  summary: 'Fetch objects into the cache.',
  details:
    'File data too, which the cache otherwise leaves out. Of a folder its entries are fetched, not what is in its files. A pack that is needed for the most part is fetched as a whole: --hint=blobs does so with every pack, --hint=contents with none, and --hint=none only counts.',
  flags: { hint: text('Whether packs are fetched as a whole.') },
  args: {
    object: argumentList('ID of an object or snapshot, or a path below it: <id>/<path>.', {
      required: true,
    }),
  },
  async run(context, { flags, args }) {
    const { log, signal } = context;
    connectedCache(context);
    await withRepository(context, async ({ repository }) => {
      const ids: ObjectID[] = [];
      for (const reference of args.object) {
        const { objectID } = await findReferencedEntry(repository, reference, { signal });
        if (objectID === undefined) {
          throw new LongshoreError('OBJECT_NOT_FOUND', `${reference} has no object`);
        }
        ids.push(objectID);
      }
      const { contents, isCached } = await prefetchObjects(repository, ids, {
        signal,
        ...(flags.hint === undefined || flags.hint === '' ? {} : { hint: flags.hint }),
        onIncomplete: (id) => log.warning(`object ${id} is not whole in the repository`),
      });
      if (!isCached) log.info(NO_CACHE_NEEDED);
      log.info(`prefetched ${contents} contents`);
    });
  },
});
