import { defineCommand, type Command } from '../grammar/command.ts';
import { FILESYSTEM_FLAGS, filesystemConfig } from './storage-flags.ts';
import { runSync, SYNC_FLAGS } from './sync-run.ts';

export const command: Command = defineCommand({
  summary: 'Copy the repository to a folder.',
  details:
    'What the repository has lost or damaged is not taken from a copy that has it: the copy keeps its own, the command\n' +
    'says so and fails. `repository heal` then mends the repository out of the copy.',
  flags: { ...FILESYSTEM_FLAGS, ...SYNC_FLAGS },
  args: {},
  showsRequests: true,
  async run(context, { flags }) {
    await runSync(context, filesystemConfig(context, flags), flags);
  },
});
