import { createConnectedRepository } from '../connection/create-connected-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { CREATE_FLAGS } from './create-flags.ts';
import { S3_FLAGS, writableS3Config } from './storage-flags.ts';

export const command: Command = defineCommand({
  summary: 'Create a repository in an S3 bucket.',
  flags: { ...S3_FLAGS, ...CREATE_FLAGS },
  args: {},
  async run(context, { flags }) {
    await createConnectedRepository(context, writableS3Config(context, flags), flags);
  },
});
