import { forEachLimit, LOG_PREFIX, partitionLogs } from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, integer } from '../grammar/value-flags.ts';
import { formatBytes } from '../output/units.ts';

const MEBIBYTE = 2 ** 20;
const HOUR = 3_600_000_000_000n;
const DELETIONS_AT_ONCE = 16;

export const command: Command = defineCommand({
  summary: 'Delete old logs from the repository.',
  flags: {
    'max-age': duration('Keep younger logs.', { default: 720n * HOUR }),
    'max-count': integer('Keep so many logs at most.', { default: 10_000 }),
    'max-total-size-mb': integer('Keep so many MiB of logs at most.', { default: 1024 }),
    'dry-run': flag('Say how many would be deleted.'),
  },
  args: {},
  async run(context, { flags }) {
    const { log, signal } = context;
    const limits = {
      maxAgeNanoseconds: flags['max-age'],
      maxCount: flags['max-count'],
      maxTotalSize: flags['max-total-size-mb'] * MEBIBYTE,
    };
    if (limits.maxAgeNanoseconds < 0n || limits.maxCount < 0 || limits.maxTotalSize < 0) {
      throw new UsageError('limits of logs must not be negative');
    }
    await withWritableRepository(context, async ({ repository, storage }) => {
      const logs = await Array.fromAsync(storage.listBlobs(LOG_PREFIX, { signal }));
      const { expired } = partitionLogs(logs, limits, repository.clock());
      const size = formatBytes(expired.reduce((sum, { length }) => sum + length, 0));
      if (flags['dry-run']) {
        log.info(`Would delete ${expired.length} logs (${size}).`);
        return;
      }
      await forEachLimit(expired, { parallelism: DELETIONS_AT_ONCE, signal }, ({ id }, abort) =>
        storage.deleteBlob(id, { signal: abort }),
      );
      log.info(`Deleted ${expired.length} logs (${size}).`);
    });
  },
});
