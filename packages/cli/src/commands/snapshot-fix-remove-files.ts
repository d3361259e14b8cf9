import { removeFiles } from '@longshore/snapshot';
import { defineCommand, type Command } from '../grammar/command.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { texts } from '../grammar/value-flags.ts';
import { FIX_FLAGS, runFix } from './fix-run.ts';

export const command: Command = defineCommand({
  summary: 'Take files out of snapshots.',
  flags: {
    ...FIX_FLAGS,
    'object-id': texts('Files and folders with this object.'),
    filename: texts('Files and folders with this name; *, ? and [a-z] are understood.'),
  },
  args: {},
  showsRequests: true,
  async run(context, { flags }) {
    const { 'object-id': objectIDs, filename: names } = flags;
    if (objectIDs.length + names.length === 0) {
      throw new UsageError('snapshot fix remove-files needs --object-id or --filename');
    }
    await runFix(context, flags, (writer, options) =>
      removeFiles(writer, { ...options, objectIDs, names }),
    );
  },
});
