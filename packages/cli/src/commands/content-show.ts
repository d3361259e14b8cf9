import { gunzipSync } from 'node:zlib';
import { encodeGoJSON, LongshoreError, parseContentID, parseGoJSON } from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { indentJSON } from '../output/indent-json.ts';
import { writeAll } from '../output/write-all.ts';

/** Bytes; what a content of 8 MiB may reasonably become. */
const MAX_UNZIPPED = 2 ** 30;

export const command: Command = defineCommand({
  summary: 'Print contents.',
  flags: {
    json: flag('Indent the content, which is JSON.', { short: 'j' }),
    unzip: flag('Undo the gzip compression of the content.', { short: 'z' }),
  },
  args: { id: argumentList('IDs of contents.', { required: true }) },
  async run(context, { flags, args }) {
    const ids = args.id.map(parseContentID);
    await withRepository(context, async ({ repository }) => {
      for (const id of ids) {
        const stored = await repository.contents.getContent(id, { signal: context.signal });
        const data = flags.unzip ? unzip(stored, id) : stored;
        if (flags.json) {
          context.print(`${indentJSON(encodeGoJSON(parseGoJSON(data, `content ${id}`)))}\n`);
        } else await writeAll(context, data);
      }
    });
  },
});

function unzip(data: Uint8Array, id: string): Uint8Array {
  try {
    return gunzipSync(data, { maxOutputLength: MAX_UNZIPPED });
  } catch (cause) {
    throw new LongshoreError('INVALID_ARGUMENT', `content ${id} is not compressed with gzip`, {
      contentID: id,
      cause,
    });
  }
}
