import { parseContentID, writeSession } from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { requireDangerousCommands } from './dangerous.ts';

export const command: Command = defineCommand({
  summary: 'Mark contents deleted, whatever needs them.',
  flags: {},
  args: { contents: argumentList('IDs of contents.', { required: true }) },
  async run(context, { args }) {
    requireDangerousCommands(context, 'content delete');
    const { signal, log } = context;
    const ids = args.contents.map(parseContentID);
    await withWritableRepository(context, async ({ repository }) => {
      await writeSession(repository, { signal }, async (writer) => {
        for (const id of ids) {
          await writer.contents.deleteContent(id, { signal });
          log.info(`Marked ${id} deleted.`);
        }
      });
    });
  },
});
