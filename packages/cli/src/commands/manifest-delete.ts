import { parseManifestID, writeSession } from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { requireDangerousCommands } from './dangerous.ts';

export const command: Command = defineCommand({
  summary: 'Delete manifests.',
  flags: {},
  args: { item: argumentList('IDs of manifests.', { required: true }) },
  async run(context, { args }) {
    requireDangerousCommands(context, 'manifest delete');
    const ids = args.item.map(parseManifestID);
    const { signal } = context;
    await withWritableRepository(context, ({ repository }) =>
      writeSession(repository, { signal }, async (writer) => {
        for (const id of ids) await writer.deleteManifest(id);
      }),
    );
  },
});
