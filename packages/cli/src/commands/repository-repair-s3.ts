import { repairRepository } from '../connection/repair-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { REPAIR_FLAGS } from './repair-flags.ts';
import { S3_FLAGS, writableS3Config } from './storage-flags.ts';

export const command: Command = defineCommand({
  summary:
    'Write the lost format blob of a repository in an S3 bucket back from a copy in its packs.',
  flags: { ...S3_FLAGS, ...REPAIR_FLAGS },
  args: {},
  async run(context, { flags }) {
    await repairRepository(context, writableS3Config(context, flags), flags);
  },
});
