import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfigFile } from '../config/config-file.ts';
import { removePassword } from '../config/password-file.ts';
import { defineCommand, type Command } from '../grammar/command.ts';

export const command: Command = defineCommand({
  summary: 'Forget the connection of this machine; the repository stays as it is.',
  flags: {},
  args: {},
  async run(context) {
    const { configFile, log } = context;
    const { caching } = loadConfigFile(configFile, context.env);
    const cache = caching?.cacheDirectory;
    // Only what longshore itself has put into the folder, which may be shared.
    if (cache !== undefined) {
      rmSync(join(cache, 'longshore'), { recursive: true, force: true });
    }
    removePassword(configFile);
    rmSync(configFile);
    log.info(`Disconnected: ${configFile} is gone.`);
  },
});
