import { existingPassword } from '../config/ask-password.ts';
import { connectRepository } from '../connection/connect-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { CONNECT_FLAGS } from './connect-flags.ts';
import { FILESYSTEM_FLAGS, filesystemConfig } from './storage-flags.ts';

export const command: Command = defineCommand({
  summary: 'Connect to a repository in a folder.',
  flags: { ...FILESYSTEM_FLAGS, ...CONNECT_FLAGS },
  args: {},
  async run(context, { flags }) {
    const storage = filesystemConfig(context, flags);
    const password = await existingPassword(context, { usePersisted: false });
    await connectRepository(context, storage, flags, password);
  },
});
