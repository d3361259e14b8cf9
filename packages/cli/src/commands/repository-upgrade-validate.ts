import { hasDifferences, validateUpgrade } from '@longshore/repo';
import { SilentFailure } from '../exit-codes.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { differencesText, withUpgrade } from './upgrade-run.ts';

export const command: Command = defineCommand({
  summary: 'Compare the indexes that an unfinished upgrade has made with the old ones.',
  flags: {},
  args: {},
  async run(context) {
    const { log } = context;
    const differences = await withUpgrade(context, validateUpgrade);
    if (differences === undefined) {
      log.info('There is nothing to compare: no unfinished upgrade has moved indexes.');
    } else if (hasDifferences(differences)) {
      log.error(`The new index differs from the old one: ${differencesText(differences)}.`);
      throw new SilentFailure('the new index differs');
    } else {
      log.info(`The new index is complete: ${differencesText(differences)}.`);
    }
  },
});
