import { parseBlobID } from '@longshore/repo';
import { withFormat } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { requireDangerousCommands } from './dangerous.ts';

export const command: Command = defineCommand({
  summary: 'Delete blobs.',
  flags: {},
  args: { blobIDs: argumentList('IDs of blobs.', { required: true }) },
  async run(context, { args }) {
    requireDangerousCommands(context, 'blob delete');
    const ids = args.blobIDs.map(parseBlobID);
    await withFormat(
      context,
      async ({ storage }) => {
        for (const id of ids) await storage.deleteBlob(id, { signal: context.signal });
      },
      { writes: true },
    );
  },
});
