import { createConnectedRepository } from '../connection/create-connected-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { CREATE_FLAGS } from './create-flags.ts';
import { FILESYSTEM_FLAGS, filesystemConfig } from './storage-flags.ts';

export const command: Command = defineCommand({
  summary: 'Create a repository in a folder.',
  flags: { ...FILESYSTEM_FLAGS, ...CREATE_FLAGS },
  args: {},
  async run(context, { flags }) {
    await createConnectedRepository(context, filesystemConfig(context, flags), flags);
  },
});
