import { loadConfigFile, saveConfigFile } from '../config/config-file.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { text } from '../grammar/value-flags.ts';
import { limitsJSON, showLimit, THROTTLE_LIMITS } from './throttle-limits.ts';

const limitFlag = (summary: string): ReturnType<typeof text> =>
  text(`${summary}, or "unlimited".`, { placeholder: 'N' });

export const command: Command = defineCommand({
  summary: 'Limit how fast this client may use the storage.',
  details:
    'The limits are kept in the connection file and hold for every command from the next one.',
  flags: {
    'download-bytes-per-second': limitFlag('Bytes read per second'),
    'upload-bytes-per-second': limitFlag('Bytes written per second'),
    'read-requests-per-second': limitFlag('Reads per second'),
    'write-requests-per-second': limitFlag('Writes per second'),
    'list-requests-per-second': limitFlag('Listings per second'),
    'concurrent-reads': limitFlag('Reads at once'),
    'concurrent-writes': limitFlag('Writes at once'),
  },
  args: {},
  async run(context, { flags }) {
    const config = loadConfigFile(context.configFile, context.env);
    const limits: Record<string, unknown> = { ...config.client.throttlingLimits };
    let changes = 0;
    for (const limit of THROTTLE_LIMITS) {
      const given = flags[limit.flag] ?? '';
      if (given === '') continue;
      const value = parseLimit(limit.flag, given, limit.unit === 'whole');
      limits[limit.name] = value;
      changes += 1;
      context.log.info(`${limit.label}: ${value === 0 ? 'unlimited' : showLimit(limit, value)}`);
    }
    if (changes === 0) {
      context.log.info('No changes were asked for.');
      return;
    }
    const throttlingLimits = limitsJSON(limits);
    saveConfigFile(context.configFile, {
      ...config,
      client: { ...config.client, throttlingLimits },
    });
  },
});

function parseLimit(flag: string, given: string, whole: boolean): number {
  if (given === 'unlimited' || given === '-') return 0;
  const value = Number(given);
  const isNumber = given.trim() !== '' && Number.isFinite(value) && value >= 0;
  if (isNumber && (!whole || Number.isSafeInteger(value))) return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw new UsageError(`--${flag} needs ${kind} or "unlimited", not ${JSON.stringify(given)}`);
}
