import { withFormat } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { text } from '../grammar/value-flags.ts';
import { SizeHistogram } from '../output/histogram.ts';
import { formatBytes } from '../output/units.ts';

export const command: Command = defineCommand({
  summary: 'Add blobs up.',
  flags: {
    raw: flag('Show plain numbers.', { short: 'r' }),
    prefix: text('Only blobs whose ID begins so.', { default: '' }),
  },
  args: {},
  async run(context, { flags }) {
    await withFormat(context, async ({ storage }) => {
      const histogram = new SizeHistogram();
      for await (const { length } of storage.listBlobs(flags.prefix, { signal: context.signal })) {
        histogram.add(length);
        context.progress.update(() => `${histogram.count} blobs, ${formatBytes(histogram.bytes)}`);
      }
      context.progress.clear();
      const show: (bytes: number) => string = flags.raw ? String : (bytes) => formatBytes(bytes);
      const { count, bytes } = histogram;
      context.print(`Count: ${count}\nTotal: ${show(bytes)}\n`);
      if (count === 0) return;
      context.print(`Average: ${show(Math.floor(bytes / count))}\nHistogram:\n\n`);
      for (const line of histogram.lines(show)) context.print(`${line}\n`);
    });
  },
});
