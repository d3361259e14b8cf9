import {
  closeIndexGaps,
  commitRecoveredEntries,
  createIndexInspector,
  describeError,
  forEachLimit,
  parseBlobID,
  type BlobMetadata,
  type BlobStorage,
  type ContentInfo,
} from '@longshore/repo';
import { withFormat, type FormatConnection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { integer, texts } from '../grammar/value-flags.ts';
import { requireDangerousCommands } from './dangerous.ts';

/** Entries that are committed together: what one index file holds is bounded, and so is what waits in memory. */
const ENTRIES_PER_COMMIT = 1_000_000;

const FLAGS = {
  'blob-prefixes': texts('Only packs whose ID begins so (default: all packs).'),
  blobs: texts('Only these packs.'),
  parallel: integer('Packs read at once.', { default: 1 }),
  'ignore-errors': flag('Go on after packs whose index cannot be recovered.'),
  'delete-indexes': flag('Delete the index blobs that were there, once all is recovered.'),
  commit: flag('Write what was recovered.'),
};

type RecoverFlags = FlagValues<typeof FLAGS>;

export const command: Command = defineCommand({
  summary: 'Recover the content index from the packs.',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    requireDangerousCommands(context, 'index recover');
    checkFlags(flags);
    await withFormat(context, (connection) => recover(context, connection, flags), {
      writes: flags.commit,
    });
  },
});

/** What the old indexes say is gone with them: it must have been said anew, all of it. */
function checkFlags(flags: RecoverFlags): void {
  if (!flags['delete-indexes']) return;
  const limits = [
    flags.blobs.length > 0 ? '--blobs' : '',
    flags['blob-prefixes'].length > 0 ? '--blob-prefixes' : '',
    flags['ignore-errors'] ? '--ignore-errors' : '',
  ].filter((name) => name !== '');
  if (limits.length === 0) return;
  throw new UsageError(
    `--delete-indexes cannot go with ${limits.join(' and ')}: contents of the packs left out would be lost`,
  );
}

async function recover(
  context: CommandContext,
  { storage, formatManager }: FormatConnection,
  flags: RecoverFlags,
): Promise<void> {
  const { signal, log } = context;
  const inspector = await createIndexInspector({ storage, formatManager });
  const replaced = flags['delete-indexes']
    ? await Array.fromAsync(inspector.listAll({ signal }))
    : [];
  const packs = await packsOf(storage, flags, signal);
  let entries: ContentInfo[] = [];
  let recovered = 0;
  let done = 0;
  const commit = async (): Promise<void> => {
    const batch = entries;
    entries = [];
    if (!flags.commit || batch.length === 0) return;
    await commitRecoveredEntries(batch, { storage, formatManager, signal });
  };
  await forEachLimit(
    packs,
    { parallelism: Math.max(1, flags.parallel), signal },
    async (pack, packSignal) => {
      const found = await recoverPack(context, pack, flags['ignore-errors'], () =>
        inspector.recoverEntries(pack, { signal: packSignal }),
      );
      for (const entry of found) {
        entries.push(entry);
        recovered += 1;
      }
      done += 1;
      context.progress.update(
        () => `Recovered ${recovered} entries from ${done} of ${packs.length} packs`,
      );
      if (entries.length >= ENTRIES_PER_COMMIT) await commit();
    },
  );
  await commit();
  context.progress.clear();
  // Last, when everything that they said has been said anew.
  for (const { id } of replaced) {
    if (flags.commit) await storage.deleteBlob(id, { signal });
    else log.info(`Would delete index blob ${id}`);
  }
  // With packs left out, a gap may still be filled by them.
  if (flags.commit && flags.blobs.length === 0 && flags['blob-prefixes'].length === 0) {
    const closed = await closeIndexGaps({ storage, formatManager, signal });
    if (closed.entries > 0) log.info(`Found ${closed.entries} more in merged index blobs.`);
    if (closed.epochs.length > 0) log.info(`Closed the lost epochs ${closed.epochs.join(', ')}.`);
  }
  log.info(
    flags.commit
      ? `Recovered ${recovered} contents from ${packs.length} packs.`
      : `Found ${recovered} contents in ${packs.length} packs; nothing was written. Add --commit to write them.`,
  );
}

async function packsOf(
  storage: BlobStorage,
  flags: { readonly blobs: readonly string[]; readonly 'blob-prefixes': readonly string[] },
  signal: AbortSignal,
): Promise<readonly BlobMetadata[]> {
  if (flags.blobs.length > 0) {
    return Promise.all(flags.blobs.map((id) => storage.getMetadata(parseBlobID(id), { signal })));
  }
  const prefixes = flags['blob-prefixes'].length > 0 ? flags['blob-prefixes'] : ['p', 'q'];
  const lists = prefixes.map((prefix) => Array.fromAsync(storage.listBlobs(prefix, { signal })));
  return (await Promise.all(lists)).flat();
}

async function recoverPack(
  context: CommandContext,
  { id }: BlobMetadata,
  ignoreErrors: boolean,
  read: () => Promise<Iterable<ContentInfo>>,
): Promise<Iterable<ContentInfo>> {
  try {
    return await read();
  } catch (error) {
    context.signal.throwIfAborted();
    if (!ignoreErrors) throw error;
    context.log.error(`pack ${id}: ${describeError(error)}`);
    return [];
  }
}
