import { loadConfigFile, saveConfigFile } from '../config/config-file.ts';
import type { ClientConfig } from '../config/connection-config.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, refusedFlag, type FlagValues } from '../grammar/flag.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, text } from '../grammar/value-flags.ts';

const FLAGS = {
  'read-only': flag('Use the repository for reading only from now on.'),
  'read-write': flag('Use it for writing again.'),
  description: text('Describe the connection so.'),
  username: text('Call the user so.'),
  hostname: text('Call this machine so.'),
  'repository-format-cache-duration': duration('How long the format blob is remembered.'),
  'disable-repository-format-cache': flag('Do not remember the format blob.'),
  'permissive-cache-loading': refusedFlag({ isBoolean: true }),
};

export const command: Command = defineCommand({
  summary: 'Change what this client is called and what it may do.',
  details:
    'The connection file is shared with Kopia. Another user or host name has other snapshots of its own, and may be another owner of maintenance.',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    const config = loadConfigFile(context.configFile, context.env);
    const changes = changesOf(flags);
    const entries = Object.entries(changes);
    if (entries.length === 0) throw new UsageError('no change was asked for');
    for (const [name, value] of entries) {
      const shown =
        typeof value === 'bigint' && value > 0n ? formatGoDuration(value) : String(value);
      context.log.info(`${name}: ${shown}`);
    }
    saveConfigFile(context.configFile, { ...config, client: { ...config.client, ...changes } });
  },
});

/** What may be changed of the client. */
type Changes = Partial<Omit<ClientConfig, 'throttlingLimits'>>;

function changesOf(flags: FlagValues<typeof FLAGS>): Changes {
  const { username, hostname, description } = flags;
  if (flags['read-only'] && flags['read-write']) {
    throw new UsageError('--read-only and --read-write exclude each other');
  }
  for (const [name, value] of Object.entries({ username, hostname })) {
    if (value === '') throw new UsageError(`--${name} must not be empty`);
  }
  const cached = flags['repository-format-cache-duration'];
  if (cached !== undefined && cached <= 0n) {
    throw new UsageError(
      '--repository-format-cache-duration must be positive; see --disable-repository-format-cache',
    );
  }
  if (cached !== undefined && flags['disable-repository-format-cache']) {
    throw new UsageError(
      '--repository-format-cache-duration and --disable-repository-format-cache exclude each other',
    );
  }
  return {
    ...(flags['read-only'] ? { readonly: true } : {}),
    ...(flags['read-write'] ? { readonly: false } : {}),
    ...(description === undefined ? {} : { description }),
    ...(username === undefined ? {} : { username }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(cached === undefined ? {} : { formatBlobCacheDuration: cached }),
    ...(flags['disable-repository-format-cache'] ? { formatBlobCacheDuration: -1n } : {}),
  };
}
