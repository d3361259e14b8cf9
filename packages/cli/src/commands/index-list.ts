import { createIndexInspector, formatGoTime, type BlobMetadata } from '@longshore/repo';
import { withFormat } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { JSON_FLAGS, oneOf } from '../grammar/value-flags.ts';
import { JSONList } from '../output/json-output.ts';

type SortKey = 'time' | 'size' | 'name';

export const command: Command = defineCommand({
  summary: 'List the blobs of the content index.',
  flags: {
    summary: flag('Add a line with the number of blobs.'),
    superseded: flag('Include blobs that others have replaced.'),
    sort: oneOf(['time', 'size', 'name'])('Order of the list.', { default: 'time' }),
    ...JSON_FLAGS,
  },
  args: {},
  async run(context, { flags }) {
    const { signal } = context;
    await withFormat(context, async ({ formatManager, storage }) => {
      const inspector = await createIndexInspector({ storage, formatManager });
      const blobs = flags.superseded
        ? await Array.fromAsync(inspector.listAll({ signal }))
        : await inspector.listActive({ signal });
      const sorted = blobs.toSorted((a, b) => compare(a, b, flags.sort));
      if (flags.json) {
        const list = new JSONList(context, flags);
        for (const { id, length, timestamp } of sorted) {
          list.add({ id, length, timestamp: formatGoTime(timestamp), Superseded: null });
        }
        list.end();
        return;
      }
      for (const { id, length, timestamp } of sorted) {
        const time = context.times.showPrecisely(timestamp);
        context.print(`${id.padEnd(60)} ${String(length).padStart(10)} ${time} []\n`);
      }
      if (flags.summary) context.print(`total ${sorted.length} indexes\n`);
    });
  },
});

function compare(a: BlobMetadata, b: BlobMetadata, key: SortKey): number {
  if (key === 'size' && a.length !== b.length) return a.length - b.length;
  if (key === 'time' && a.timestamp !== b.timestamp) return a.timestamp < b.timestamp ? -1 : 1;
  return a.id < b.id ? -1 : Number(a.id > b.id);
}
