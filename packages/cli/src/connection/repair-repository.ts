import {
  createReadOnlyStorage,
  describeError,
  hasCode,
  LongshoreError,
  parseBlobID,
  recoverFormatBlob,
} from '@longshore/repo';
import type { RepairFlagValues } from '../commands/repair-flags.ts';
import type { StorageConfig } from '../config/connection-config.ts';
import type { CommandContext } from '../context.ts';
import { openStorage } from './open-storage.ts';
import { computing } from './with-repository.ts';

const FORMAT_BLOB = parseBlobID('kopia.repository');

/** Writes the format blob back if it is lost. With `auto` one that is there is fine. */
export async function repairRepository(
  context: CommandContext,
  storage: StorageConfig,
  flags: RepairFlagValues,
): Promise<void> {
  if (flags['recover-format'] === 'no') return;
  await using opened = await openStorage(context, storage, { isFirstContact: true });
  const { signal, log } = context;
  const isDryRun = flags['dry-run'];
  const prefixes = flags['recover-format-block-prefixes'];
  const { algorithms } = await computing(false);
  try {
    const { packBlobID } = await recoverFormatBlob(isDryRun ? withoutPuts(opened) : opened, {
      algorithms,
      signal,
      ...(prefixes.length === 0 ? {} : { prefixes }),
    });
    log.info(
      isDryRun
        ? `Would write ${FORMAT_BLOB} back from its copy in ${packBlobID}.`
        : `Wrote ${FORMAT_BLOB} back from its copy in ${packBlobID}.`,
    );
  } catch (error) {
    if (hasCode(error, 'REPOSITORY_NOT_INITIALIZED')) {
      throw new LongshoreError(
        'REPOSITORY_NOT_INITIALIZED',
        `${describeError(error)}; longshore knows of no other copy: look for one in backups of the storage (repositories whose password can change keep none)`,
        { cause: error },
      );
    }
    const isThere = hasCode(error, 'REPOSITORY_EXISTS');
    if (!isThere || flags['recover-format'] === 'yes') throw error;
    log.info(`${FORMAT_BLOB} is there; nothing to repair.`);
  }
}

/** Takes every put for done: what a rehearsal needs. */
function withoutPuts(
  storage: Awaited<ReturnType<typeof openStorage>>,
): Awaited<ReturnType<typeof openStorage>> {
  const readOnly = createReadOnlyStorage(storage);
  return {
    displayName: readOnly.displayName,
    capabilities: readOnly.capabilities,
    getBlob: (id, options) => readOnly.getBlob(id, options),
    getMetadata: (id, options) => readOnly.getMetadata(id, options),
    listBlobs: (prefix, options) => readOnly.listBlobs(prefix, options),
    putBlob: async () => undefined,
    deleteBlob: (id, options) => readOnly.deleteBlob(id, options),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}
