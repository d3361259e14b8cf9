import { syncStorages, type KeptBlob, type SyncEvent } from '@longshore/repo';
import type { StorageConfig } from '../config/connection-config.ts';
import { openStorage } from '../connection/open-storage.ts';
import { withRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { SilentFailure } from '../exit-codes.ts';
import { flag, type Flags, type FlagValues } from '../grammar/flag.ts';
import { integer } from '../grammar/value-flags.ts';
import { formatBytes } from '../output/units.ts';

/** Flags of `repository sync-to`, whatever it copies to. */
export const SYNC_FLAGS = {
  update: flag('Copy blobs again that are newer than their copies.', { default: true }),
  delete: flag('Delete what the repository neither has nor names.'),
  'dry-run': flag('Say what would be copied and deleted.', { short: 'n' }),
  parallel: integer('Blobs copied at once.', { default: 1 }),
  'must-exist': flag('Fail unless there is a copy already.'),
  'verify-packs': flag('Read packs back too and compare them; all other blobs always are.'),
  times: flag('Give copies the times of their originals, if the target can.'),
} as const satisfies Flags;

/** Copies the connected repository to a storage and checks it there. */
export async function runSync(
  context: CommandContext,
  target: StorageConfig,
  flags: FlagValues<typeof SYNC_FLAGS>,
): Promise<void> {
  const { log, progress, signal } = context;
  await withRepository(context, async ({ repository, storage }) => {
    const formatVersion = repository.formatManager.current().version;
    await using destination = await openStorage(context, target, {
      create: { formatVersion, inExistingFolder: true },
    });
    log.info(`Synchronizing repositories:\n  Source:      ${storage.displayName}`);
    log.info(`  Destination: ${destination.displayName}`);
    const report = new SyncReport(context);
    const { copied, deleted, kept } = await syncStorages(storage, destination, {
      repository,
      update: flags.update,
      delete: flags.delete,
      dryRun: flags['dry-run'],
      parallel: Math.max(1, flags.parallel),
      mustExist: flags['must-exist'],
      verifyPacks: flags['verify-packs'],
      times: flags.times,
      signal,
      onEvent: (event) => report.onEvent(event),
    });
    progress.clear();
    if (!flags['dry-run']) {
      const gone =
        deleted.blobs === 0 ? '' : `, deleted ${deleted.blobs} (${formatBytes(deleted.bytes)})`;
      log.info(`Copied ${copied.blobs} blobs (${formatBytes(copied.bytes)})${gone}.`);
    }
    if (kept.length === 0) return;
    log.error(
      `longshore: ${kept.length} blobs of the repository are lost or damaged and were kept in the copy; ` +
        '`repository heal --from` mends packs out of it',
    );
    throw new SilentFailure('blobs of the source are lost or damaged');
  });
}

const KEPT: Readonly<Record<KeptBlob['problem'], string>> = {
  damaged: 'damaged in the repository',
  lost: 'missing from the repository, whose index names it',
  unlisted: 'missing from the listing of the repository, which has it',
};

class SyncReport {
  readonly #context: CommandContext;
  #blobs = 0;
  #bytes = 0;
  #total = 0;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  onEvent(event: SyncEvent): void {
    const { log, progress } = this.#context;
    if (event.type === 'planned') {
      const { source, toCopy, toDelete, inSync } = event;
      this.#total = toCopy.bytes;
      log.info(
        `  Found ${source.blobs} blobs (${formatBytes(source.bytes)}) in the repository, ` +
          `${toCopy.blobs} (${formatBytes(toCopy.bytes)}) to copy`,
      );
      log.info(
        `  Found ${toDelete.blobs} blobs to delete (${formatBytes(toDelete.bytes)}), ` +
          `${inSync.blobs} in sync (${formatBytes(inSync.bytes)})`,
      );
    } else if (event.type === 'copied') {
      this.#blobs += 1;
      this.#bytes += event.blob.length;
      progress.update(
        () =>
          `Copied ${this.#blobs} blobs (${formatBytes(this.#bytes)} of ${formatBytes(this.#total)})`,
      );
    } else if (event.type === 'times-unsupported') {
      log.warning('The destination does not take times: copies have those of the copying.');
    } else if (event.type === 'kept') {
      log.warning(`${event.blob.id}: ${KEPT[event.problem]}; the copy keeps its own`);
    } else log.debug(`${event.type} ${event.blob.id}`);
  }
}
