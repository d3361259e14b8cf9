import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { compressionName } from '../output/content-compression.ts';
import { SizeHistogram } from '../output/histogram.ts';
import { compressionPercent, formatBytes } from '../output/units.ts';
import { CONTENT_RANGE_FLAGS, contentsInRange } from './content-range.ts';

interface Totals {
  count: number;
  original: number;
  packed: number;
}

export const command: Command = defineCommand({
  summary: 'Add contents up.',
  flags: { raw: flag('Show plain numbers.', { short: 'r' }), ...CONTENT_RANGE_FLAGS },
  args: {},
  async run(context, { flags }) {
    await withRepository(context, async ({ repository }) => {
      const size = flags.raw ? String : formatBytes;
      const show = (bytes: number): string => size(bytes);
      const histogram = new SizeHistogram();
      const all: Totals = { count: 0, original: 0, packed: 0 };
      const byMethod = new Map<number, Totals>();
      for (const info of contentsInRange(repository, flags, {})) {
        histogram.add(info.packedLength);
        const method = byMethod.get(info.compressionHeaderID) ?? {
          count: 0,
          original: 0,
          packed: 0,
        };
        byMethod.set(info.compressionHeaderID, method);
        for (const totals of [all, method]) {
          totals.count += 1;
          totals.original += info.originalLength;
          totals.packed += info.packedLength;
        }
      }
      context.print(`Count: ${all.count}\nTotal Bytes: ${show(all.original)}\n`);
      if (all.packed < all.original) {
        const percent = compressionPercent(all.original, all.packed);
        context.print(`Total Packed: ${show(all.packed)} (compression ${percent})\n`);
      }
      if (byMethod.size > 1) {
        context.print('By Method:\n');
        for (const [id, totals] of [...byMethod].sort(([a], [b]) => a - b)) {
          context.print(`  ${methodLine(id, totals, show)}\n`);
        }
      }
      if (all.count === 0) return;
      context.print(`Average: ${show(Math.floor(all.original / all.count))}\nHistogram:\n\n`);
      for (const line of histogram.lines(show)) context.print(`${line}\n`);
    });
  },
});

function methodLine(id: number, totals: Totals, show: (bytes: number) => string): string {
  const { count, original, packed } = totals;
  const name = (id === 0 ? '(uncompressed)' : (compressionName(id) ?? id.toString(16))).padEnd(22);
  const line = `${name} count: ${count} size: ${show(original)}`;
  if (id === 0) return line;
  return `${line} packed: ${show(packed)} compression: ${compressionPercent(original, packed)}`;
}
