import type { ClientConfig } from '../config/connection-config.ts';
import { loadConfigFile, saveConfigFile } from '../config/config-file.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, refusedFlag } from '../grammar/flag.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, texts } from '../grammar/value-flags.ts';

/** Nanoseconds; Kopia's mark for a format blob that is read anew each time. */
const NOT_REMEMBERED = -1n;

export const command: Command = defineCommand({
  summary: 'Change what this client is called and what it may do.',
  details:
    'Changes the connection file, which Kopia reads too, and nothing in the repository. Snapshots that were taken under another name stay under it.',
  flags: {
    'read-only': flag('Do not write to the repository from here.'),
    'read-write': flag('Allow writing again.'),
    description: texts('A description of the repository; empty: where it is.'),
    username: texts('Name of the user; empty: the login name.'),
    hostname: texts('Name of this machine; empty: its own.'),
    'repository-format-cache-duration': duration(
      'How long the format blob is remembered, 15 minutes at most.',
      { default: 0n },
    ),
    'disable-repository-format-cache': flag('Do not remember the format blob.'),
    'permissive-cache-loading': refusedFlag({ isBoolean: true }),
  },
  args: {},
  async run(context, { flags }) {
    const { log } = context;
    const config = loadConfigFile(context.configFile, context.env);
    const changes: { -readonly [Name in keyof ClientConfig]?: ClientConfig[Name] } = {};
    const cacheDuration = flags['repository-format-cache-duration'];
    if (flags['read-only'] && flags['read-write']) {
      throw new UsageError('--read-only contradicts --read-write');
    }
    if (cacheDuration < 0n) {
      throw new UsageError('--repository-format-cache-duration must not be negative');
    }
    if (cacheDuration !== 0n && flags['disable-repository-format-cache']) {
      throw new UsageError(
        '--repository-format-cache-duration contradicts --disable-repository-format-cache',
      );
    }
    if (flags['read-only'] || flags['read-write']) {
      const mode = flags['read-only'] ? 'for reading only' : 'for reading and writing';
      const isChange = config.client.readonly !== flags['read-only'];
      if (isChange) changes.readonly = flags['read-only'];
      log.info(`This client is ${isChange ? 'now' : 'already'} connected ${mode}.`);
    }
    for (const name of ['description', 'username', 'hostname'] as const) {
      const [value] = flags[name];
      if (value === undefined) continue;
      changes[name] = value;
      log.info(`${name}: ${value === '' ? '(default)' : value}`);
    }
    if (flags['disable-repository-format-cache']) {
      changes.formatBlobCacheDuration = NOT_REMEMBERED;
      log.info('The format blob is no longer remembered.');
    } else if (cacheDuration !== 0n) {
      changes.formatBlobCacheDuration = cacheDuration;
      log.info(`The format blob is remembered for ${formatGoDuration(cacheDuration)}.`);
    }
    if (Object.keys(changes).length === 0) throw new UsageError('no change was asked for');
    saveConfigFile(context.configFile, {
      ...config,
      client: { ...config.client, ...changes },
    });
  },
});
