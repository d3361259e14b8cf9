import { findReferencedEntry } from '@longshore/snapshot';
import { LongshoreError } from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, requiredArgument, type Command } from '../grammar/command.ts';
import { writeAll } from '../output/write-all.ts';

export const command: Command = defineCommand({
  summary: 'Print what an object holds.',
  flags: {},
  args: {
    'object-path': requiredArgument(
      'ID of a snapshot or object, and a path below it: <id>/<path>.',
    ),
  },
  async run(context, { args }) {
    const { signal } = context;
    await withRepository(context, async ({ repository }) => {
      const { objectID } = await findReferencedEntry(repository, args['object-path'], { signal });
      if (objectID === undefined) {
        throw new LongshoreError('OBJECT_NOT_FOUND', `${args['object-path']} has no object`);
      }
      await using reader = await repository.openObject(objectID, { signal });
      for await (const piece of reader.stream({ signal })) await writeAll(context, piece);
    });
  },
});
