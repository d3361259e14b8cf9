import {
  createIndexInspector,
  NANOSECONDS_PER_SECOND,
  parseBlobID,
  parseContentID,
  type BlobMetadata,
  type ContentInfo,
  type IndexInspector,
} from '@longshore/repo';
import { withFormat } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { integer, texts } from '../grammar/value-flags.ts';

export const command: Command = defineCommand({
  summary: 'Show the entries of index blobs.',
  flags: {
    all: flag('Look at all index blobs, replaced ones too.'),
    active: flag('Look at the index blobs that count.'),
    'content-id': texts('Only entries of this content.'),
    parallel: integer('Index blobs read at once.', { default: 8 }),
  },
  args: { blobs: argumentList('IDs of index blobs.') },
  async run(context, { flags, args }) {
    const { signal } = context;
    const wanted = new Set<string>(flags['content-id'].map(parseContentID));
    if (!flags.all && !flags.active && args.blobs.length === 0) {
      throw new UsageError('index inspect needs --all, --active or the IDs of index blobs');
    }
    await withFormat(context, async ({ formatManager, storage }) => {
      const inspector = await createIndexInspector({ storage, formatManager });
      const blobs = flags.all
        ? await Array.fromAsync(inspector.listAll({ signal }))
        : flags.active
          ? await inspector.listActive({ signal })
          : await Promise.all(
              args.blobs.map((id) => storage.getMetadata(parseBlobID(id), { signal })),
            );
      for (let start = 0; start < blobs.length; start += Math.max(1, flags.parallel)) {
        const batch = blobs.slice(start, start + Math.max(1, flags.parallel));
        const read = await Promise.all(batch.map((blob) => readBlob(inspector, blob, signal)));
        for (const { blob, entries } of read) {
          for (const entry of entries) {
            if (wanted.size === 0 || wanted.has(entry.contentID)) printEntry(context, blob, entry);
          }
        }
      }
    });
  },
});

async function readBlob(
  inspector: IndexInspector,
  blob: BlobMetadata,
  signal: AbortSignal,
): Promise<{ readonly blob: BlobMetadata; readonly entries: Iterable<ContentInfo> }> {
  return { blob, entries: await inspector.readEntries(blob.id, { signal }) };
}

function printEntry(context: CommandContext, blob: BlobMetadata, info: ContentInfo): void {
  const { times } = context;
  const created = times.showPrecisely(BigInt(info.timestampSeconds) * NANOSECONDS_PER_SECOND);
  context.print(
    `${times.showPrecisely(blob.timestamp)} ${blob.id} ${info.contentID} ` +
      `${info.deleted ? 'deleted' : 'created'} ${created} ` +
      `${info.packBlobID} ${info.packOffset} ${info.packedLength}\n`,
  );
}
