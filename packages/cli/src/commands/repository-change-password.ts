import { changePassword, createSystemClock } from '@longshore/repo';
import { replacementPassword } from '../config/ask-password.ts';
import { loadPassword, savePassword } from '../config/password-file.ts';
import { forgetKopiaFormatCache } from '../config/kopia-format-cache.ts';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { text } from '../grammar/value-flags.ts';

export const command: Command = defineCommand({
  summary: 'Change the password of the repository.',
  flags: { 'new-password': text('The new password.', { env: 'KOPIA_NEW_PASSWORD' }) },
  args: {},
  async run(context, { flags }) {
    await withWritableRepository(context, async ({ repository, storage, config }) => {
      const password = await replacementPassword(context, flags['new-password']);
      await changePassword(repository.formatManager, password, {
        storage,
        clock: createSystemClock(),
        signal: context.signal,
      });
      forgetKopiaFormatCache(config.caching);
      if (loadPassword(context.configFile) !== undefined) {
        savePassword(context.configFile, password);
      }
      context.log.info('The password has been changed. Other machines have to connect again.');
    });
  },
});
