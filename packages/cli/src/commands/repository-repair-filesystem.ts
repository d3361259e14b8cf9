import { repairRepository } from '../connection/repair-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { REPAIR_FLAGS } from './repair-flags.ts';
import { FILESYSTEM_FLAGS, filesystemConfig } from './storage-flags.ts';

export const command: Command = defineCommand({
  summary: 'Write the lost format blob of a repository in a folder back from a copy in its packs.',
  flags: { ...FILESYSTEM_FLAGS, ...REPAIR_FLAGS },
  args: {},
  async run(context, { flags }) {
    await repairRepository(context, filesystemConfig(context, flags), flags);
  },
});
