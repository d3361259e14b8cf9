import {
  describeError,
  verifyRotating,
  type ContentID,
  type RotatingVerificationResult,
} from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { SilentFailure } from '../exit-codes.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { valueFlag } from '../grammar/flag.ts';
import { formatGoDuration, parseGoDuration } from '../grammar/go-duration.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { byteSize, integer, JSON_FLAGS } from '../grammar/value-flags.ts';
import { printJSON } from '../output/json-output.ts';
import { requestsJSON } from '../output/request-line.ts';
import { formatBytes } from '../output/units.ts';
import { reportDamage, type DamageReport } from './damage-report.ts';

const SECOND = 1_000_000_000n;
const DAY_SECONDS = 24 * 60 * 60;

/** Seconds of `30d`, or of a duration as Go writes it. */
const period = valueFlag((given: string): number => {
  const days = /^(\d+(?:\.\d+)?)d$/.exec(given);
  const seconds =
    days === null
      ? Number(parseGoDuration(given) / SECOND)
      : Math.floor(Number(days[1]) * DAY_SECONDS);
  if (seconds >= 1) return seconds;
  throw new UsageError(`needs a time such as 30d or 36h, not ${JSON.stringify(given)}`);
}, formatDays);

export const command: Command = defineCommand({
  summary: 'Read the part of the repository whose turn it is, so that every byte is read in time.',
  details:
    'To be run at intervals, daily say. What was read when is kept in the repository. Fails if anything is damaged, or\n' +
    'if some bytes have waited longer than promised.',
  flags: {
    'every-byte-within': period('Time in which each stored byte is to be read once: 30d, 36h.', {
      required: true,
    }),
    'byte-budget': byteSize('Read at most so much (default: what the promise needs).'),
    parallel: integer('Blobs read at once.', { default: 4 }),
    ...JSON_FLAGS,
  },
  args: {},
  showsRequests: true,
  async run(context, { flags }) {
    const { log, progress, signal } = context;
    await withWritableRepository(context, async ({ repository }) => {
      let planned = 0;
      let read = 0;
      const result = await verifyRotating(repository, {
        withinSeconds: flags['every-byte-within'],
        budgetBytes: flags['byte-budget'],
        parallel: Math.max(1, flags.parallel),
        signal,
        onEvent: (event) => {
          if (event.type === 'planned') {
            planned = event.bytes;
            log.info(`Reading ${event.blobs} blobs (${formatBytes(planned)}).`);
          } else if (event.type === 'verified') {
            read += event.bytes;
            progress.update(() => `Read ${formatBytes(read)} of ${formatBytes(planned)}`);
          } else if (event.type === 'mended') {
            log.warning(
              `blob ${event.blobID} had to be mended; "longshore repository heal" writes it anew`,
            );
          } else log.error(`blob ${event.blobID} is damaged: ${describeError(event.error)}`);
        },
      });
      progress.clear();
      const lost = new Set<ContentID>(result.damaged.flatMap(({ lostContents }) => lostContents));
      const report = await reportDamage(context, repository, lost);
      if (flags.json) {
        const costs = requestsJSON(context.requests.counts);
        printJSON(context, flags, { ...resultJSON(result, report), ...costs });
      } else context.print(summaryOf(result, flags['every-byte-within']));
      finish(context, result, report);
    });
  },
});

function finish(
  { log }: CommandContext,
  result: RotatingVerificationResult,
  { count }: DamageReport,
): void {
  if (result.damaged.length > 0) {
    log.error(
      `longshore: ${result.damaged.length} blobs are damaged, and with them ${count} files; ` +
        'see "longshore repository heal"',
    );
    throw new SilentFailure('blobs are damaged');
  }
  if (result.promiseHolds) return;
  log.error(
    `longshore: ${formatBytes(result.overdueBytes)} have waited longer than promised; ` +
      'run this more often, or with a larger --byte-budget',
  );
  throw new SilentFailure('the promise does not hold');
}

function summaryOf(result: RotatingVerificationResult, withinSeconds: number): string {
  const { readBlobs, readBytes, coveredBytes, totalBytes, oldestUnreadSeconds } = result;
  const percent = totalBytes === 0 ? 100 : (100 * coveredBytes) / totalBytes;
  return (
    `Read ${readBlobs} blobs (${formatBytes(readBytes)}).\n` +
    `Read within ${formatDays(withinSeconds)}: ${formatBytes(coveredBytes)} of ${formatBytes(totalBytes)} (${percent.toFixed(1)}%).\n` +
    `The byte that waits longest was last read, or written, ${formatDays(oldestUnreadSeconds)} ago.\n`
  );
}

function formatDays(seconds: number): string {
  if (seconds >= 2 * DAY_SECONDS)
    return `${(seconds / DAY_SECONDS).toFixed(1).replace(/\.0$/, '')}d`;
  return formatGoDuration(BigInt(seconds) * SECOND);
}

function resultJSON(
  { damaged, ...result }: RotatingVerificationResult,
  { files, count }: DamageReport,
): object {
  return {
    ...result,
    damaged: damaged.map(({ blobID, lostContents, error }) => ({
      blobID,
      lostContents,
      error: describeError(error),
    })),
    lostFiles: count,
    files,
  };
}
