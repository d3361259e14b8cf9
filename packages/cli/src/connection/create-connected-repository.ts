import {
  createRepository,
  LongshoreError,
  writeSession,
  type BlobStorage,
  type ClientIdentity,
} from '@longshore/repo';
import { initializeRepository } from '@longshore/snapshot';
import { clientConfig } from '../commands/connect-flags.ts';
import { formatVersion, type CreateFlagValues } from '../commands/create-flags.ts';
import { retentionOf } from '../commands/retention-flags.ts';
import { newPassword } from '../config/ask-password.ts';
import type { StorageConfig } from '../config/connection-config.ts';
import type { CommandContext } from '../context.ts';
import { packageVersion } from '../version.ts';
import { saveConnection } from './connect-repository.ts';
import { openStorage } from './open-storage.ts';
import { computing } from './with-repository.ts';

/** Creates a repository, stores what Kopia expects to find in it, and connects to it unless `--create-only`. */
export async function createConnectedRepository(
  context: CommandContext,
  storage: StorageConfig,
  flags: CreateFlagValues,
): Promise<void> {
  const version = formatVersion(flags);
  const password = await newPassword(context);
  await using opened = await openStorage(context, storage, {
    create: { formatVersion: version },
    isFirstContact: true,
  });
  await refuseOtherData(opened, context.signal);
  const { hostname, username } = clientConfig(flags, '');
  const identity: ClientIdentity = { userName: username, hostName: hostname };
  const uniqueID = await create(context, { storage: opened, flags, password, identity });
  context.log.info(`Created a repository in ${opened.displayName}.`);
  if (flags['create-only']) return;
  saveConnection(context, { storage, displayName: opened.displayName, uniqueID, flags, password });
}

async function create(
  context: CommandContext,
  parts: {
    readonly storage: BlobStorage;
    readonly flags: CreateFlagValues;
    readonly password: string;
    readonly identity: ClientIdentity;
  },
): Promise<string> {
  const { storage, flags, password, identity } = parts;
  const { algorithms } = await computing(context);
  const retention = retentionOf(flags);
  const { signal } = context;
  await using repository = await createRepository({
    storage,
    password,
    algorithms,
    identity,
    signal,
    version: formatVersion(flags),
    hash: flags['block-hash'],
    encryption: flags.encryption,
    splitter: flags['object-splitter'],
    keyDerivation: flags['format-block-key-derivation-algorithm'],
    build: { version: packageVersion(), info: 'longshore' },
    ...(flags['ecc-overhead-percent'] === 0
      ? {}
      : { eccOverheadPercent: flags['ecc-overhead-percent'] }),
    ...(retention === undefined || retention === 'none' ? {} : { retention }),
  });
  await writeSession(repository, { signal }, (writer) => initializeRepository(writer, identity));
  return repository.uniqueID;
}

/** A repository does not share its place: other data would be lost among its blobs, or taken for them. */
async function refuseOtherData(storage: BlobStorage, signal: AbortSignal): Promise<void> {
  for await (const { id } of storage.listBlobs('', { signal })) {
    if (id.startsWith('kopia.')) return;
    throw new LongshoreError(
      'ALREADY_EXISTS',
      `${storage.displayName} is not empty (it has ${id}); choose an empty place for the repository`,
    );
  }
}
