import { createIndexInspector, decodeUtf8, LongshoreError, parseBlobID } from '@longshore/repo';
import { withFormat } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { indentJSON } from '../output/indent-json.ts';
import { writeAll } from '../output/write-all.ts';

/** Sealed as a whole, under a name that says their hash: logs, legacy indexes and their bookkeeping, epoch indexes. */
const SEALED = ['_', 'n', 'm', 'l', 'xn', 'xs', 'xr'];
/** JSON once they are opened. */
const JSON_BLOBS = ['m', 'l'];

export const command: Command = defineCommand({
  summary: 'Print blobs as they are stored.',
  flags: { decrypt: flag('Decrypt the blob if it is sealed as a whole.') },
  args: { blobID: argumentList('IDs of blobs.', { required: true }) },
  async run(context, { flags, args }) {
    const ids = args.blobID.map(parseBlobID);
    const { signal } = context;
    await withFormat(context, async ({ formatManager, storage }) => {
      const inspector = flags.decrypt
        ? await createIndexInspector({ storage, formatManager })
        : undefined;
      for (const id of ids) {
        const stored = await storage.getBlob(id, { signal });
        const isSealed = SEALED.some((prefix) => id.startsWith(prefix));
        if (inspector === undefined || !isSealed) {
          await writeAll(context, stored);
          continue;
        }
        const opened = inspector.openSealed(id, stored);
        if (JSON_BLOBS.some((prefix) => id.startsWith(prefix))) {
          context.print(reindented(decodeUtf8(opened, `blob ${id}`), id));
        } else await writeAll(context, opened);
      }
    });
  },
});

function reindented(text: string, id: string): string {
  try {
    return indentJSON(JSON.stringify(JSON.parse(text)));
  } catch (cause) {
    throw new LongshoreError('CORRUPT_DATA', `blob ${id} is not JSON`, { blobID: id, cause });
  }
}
