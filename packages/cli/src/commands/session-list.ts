import { listSessions } from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';

export const command: Command = defineCommand({
  summary: 'List write sessions that are open, or were cut short.',
  flags: {},
  args: {},
  async run(context) {
    const { signal, times } = context;
    await withRepository(context, async ({ repository, storage }) => {
      const sessions = await listSessions(storage, repository.sealer, { signal });
      for (const { newest } of sessions.values()) {
        const { id, username, hostname, startTime, checkpointTime } = newest;
        context.print(
          `${id} ${username}@${hostname} ${times.show(startTime)} ${times.show(checkpointTime)}\n`,
        );
      }
    });
  },
});
