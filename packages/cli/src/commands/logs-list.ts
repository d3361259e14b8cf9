import { createSystemClock } from '@longshore/repo';
import { withStorage } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { formatBytes } from '../output/units.ts';
import { listLogSessions, LOG_SELECTION_FLAGS, selectLogSessions } from './log-sessions.ts';

export const command: Command = defineCommand({
  summary: 'List the logs that Kopia keeps in the repository.',
  flags: LOG_SELECTION_FLAGS,
  args: {},
  async run(context, { flags }) {
    await withStorage(context, async ({ storage }) => {
      const all = await listLogSessions(context, storage);
      const chosen = selectLogSessions(all, flags, createSystemClock()());
      for (const { id, startTime, endTime, segments } of chosen) {
        const bytes = segments.reduce((sum, { length }) => sum + length, 0);
        context.print(
          `${id} ${context.times.show(startTime)} ${formatGoDuration(endTime - startTime)} ` +
            `${formatBytes(bytes)} ${segments.length}\n`,
        );
      }
      if (chosen.length < all.length) {
        context.log.info(`These are ${chosen.length} of ${all.length} logs; --all lists all.`);
      }
    });
  },
});
