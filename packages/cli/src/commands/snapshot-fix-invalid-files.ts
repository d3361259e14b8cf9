import { fixInvalidFiles } from '@longshore/snapshot';
import { defineCommand, type Command } from '../grammar/command.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { decimal, oneOf } from '../grammar/value-flags.ts';
import { FIX_FLAGS, runFix } from './fix-run.ts';

export const command: Command = defineCommand({
  summary: 'Take files that cannot be read out of snapshots, or put stubs in their place.',
  flags: {
    ...FIX_FLAGS,
    'invalid-file-handling': oneOf(['stub', 'fail', 'keep', 'remove'])(
      'What to do with files that cannot be read.',
      { default: 'stub' },
    ),
    'verify-files-percent': decimal('Share of files to read to the end, 0 to 100.', { default: 0 }),
  },
  args: {},
  showsRequests: true,
  async run(context, { flags }) {
    const percent = flags['verify-files-percent'];
    if (percent < 0 || percent > 100) {
      throw new UsageError('--verify-files-percent is a percentage, 0 to 100');
    }
    await runFix(context, flags, (writer, options) =>
      fixInvalidFiles(writer, {
        ...options,
        invalidFiles: flags['invalid-file-handling'],
        verifyFilesPercent: percent,
        randomFraction: Math.random,
      }),
    );
  },
});
