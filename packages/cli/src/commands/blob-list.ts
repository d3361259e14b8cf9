import { formatGoTime, type BlobMetadata } from '@longshore/repo';
import { withFormat } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { integer, JSON_FLAGS, text, texts } from '../grammar/value-flags.ts';
import { JSONList } from '../output/json-output.ts';

const FLAGS = {
  prefix: text('Only blobs whose ID begins so.', { default: '' }),
  'exclude-prefix': texts('No blobs whose ID begins so.'),
  'min-size': integer('Only blobs of so many bytes or more.', { default: 0 }),
  'max-size': integer('Only blobs of so many bytes or fewer; 0: any.', { default: 0 }),
  'data-only': flag('No indexes, logs and format blobs.'),
  ...JSON_FLAGS,
};

/** What holds no data: legacy and epoch indexes, logs, and the blobs about the repository itself. */
const NO_DATA = ['n', 'x', '_log_', 'kopia.'];

export const command: Command = defineCommand({
  summary: 'List blobs.',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    await withFormat(context, async ({ storage }) => {
      const list = flags.json ? new JSONList(context, flags) : undefined;
      for await (const blob of storage.listBlobs(flags.prefix, { signal: context.signal })) {
        if (!isWanted(blob, flags)) continue;
        const { id, length, timestamp } = blob;
        if (list === undefined) {
          const time = context.times.show(timestamp);
          context.print(`${id.padEnd(70)} ${String(length).padStart(10)} ${time}\n`);
        } else list.add({ id, length, timestamp: formatGoTime(timestamp) });
      }
      list?.end();
    });
  },
});

function isWanted({ id, length }: BlobMetadata, flags: FlagValues<typeof FLAGS>): boolean {
  const excluded = [...flags['exclude-prefix'], ...(flags['data-only'] ? NO_DATA : [])];
  if (excluded.some((prefix) => id.startsWith(prefix))) return false;
  if (length < flags['min-size']) return false;
  return flags['max-size'] === 0 || length <= flags['max-size'];
}
