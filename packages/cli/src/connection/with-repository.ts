import { totalmem } from 'node:os';
import {
  createSystemClock,
  hasCode,
  LongshoreError,
  openFormat,
  openRepository,
  type BlobReader,
  type BlobStorage,
  type ClientIdentity,
  type ContentEngineFactory,
  type FormatManager,
  type OpenOptions,
  type OpenRepository,
  type OpenWritableRepository,
} from '@longshore/repo';
import { existingPassword } from '../config/ask-password.ts';
import { loadConfigFile } from '../config/config-file.ts';
import type { ConnectionConfig } from '../config/connection-config.ts';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../output/units.ts';
import { openStorage } from './open-storage.ts';
import { RecentBlobs } from './recent-blobs.ts';
import { openCache } from './repository-cache.ts';
import { pointInTimeOf } from './storage-settings.ts';

/** An open repository and how it is connected. */
export interface Connection<R = OpenRepository> {
  readonly repository: R;
  readonly storage: BlobStorage;
  readonly config: ConnectionConfig;
  readonly identity: ClientIdentity;
  readonly password: string;
}

/** A storage and what is remembered of it, if anything. */
interface StorageConnection extends Pick<Connection, 'storage' | 'config'> {
  readonly recent: RecentBlobs | undefined;
}

/** A storage and what the repository's format says. */
export interface FormatConnection {
  readonly storage: BlobStorage;
  readonly formatManager: FormatManager;
  readonly config: ConnectionConfig;
}

export interface FormatOptions {
  readonly writes?: boolean;
  /** Who goes on with an upgrade where `--upgrade-owner-id` is not given. Default: nobody. */
  readonly upgradeOwnerID?: (config: ConnectionConfig) => string;
}

export interface ConnectOptions {
  /** Computes on all processors: worth its start for commands that move much data. */
  readonly parallel?: boolean;
  /** A format that was read within the last minutes will do: for commands that do not change it. */
  readonly recentFormat?: boolean;
}

/** Opens the connected repository for reading while `work` runs. */
export function withRepository<T>(
  context: CommandContext,
  work: (connection: Connection) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  return withConnection(context, options, async (connection, open) => {
    await using repository = await namingPassword(
      connection.storage,
      openRepository({ ...open, storage: readerOf(connection.storage) }),
    );
    warn(context, repository);
    return await work({ ...connection, repository });
  });
}

/** Opens it for writing: READ_ONLY if it is connected for reading only. */
export function withWritableRepository<T>(
  context: CommandContext,
  work: (connection: Connection<OpenWritableRepository>) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  return withConnection(context, options, async (connection, open) => {
    refuseReadOnly(context, connection.config);
    await using repository = await namingPassword(
      connection.storage,
      openRepository({ ...open, storage: connection.storage }),
    );
    warn(context, repository);
    return await work({ ...connection, repository });
  });
}

/** Opens the storage alone, without the password: for commands about blobs. */
export async function withStorage<T>(
  context: CommandContext,
  work: (connection: StorageConnection) => Promise<T>,
): Promise<T> {
  const config = loadConfigFile(context.configFile, context.env);
  const { throttlingLimits: limits } = config.client;
  const recent = RecentBlobs.open(config);
  await using storage = await openStorage(context, config.storage, { limits, recent });
  return await work({ storage, config, recent });
}

/** Opens the format alone: enough for commands that look at blobs and indexes, also where indexes are damaged. */
export function withFormat<T>(
  context: CommandContext,
  work: (connection: FormatConnection) => Promise<T>,
  { writes = false, upgradeOwnerID }: FormatOptions = {},
): Promise<T> {
  return withStorage(context, async ({ storage, config }) => {
    if (writes) refuseReadOnly(context, config);
    const { algorithms } = await computing(context);
    const formatManager = await namingPassword(
      storage,
      openFormat({
        storage,
        algorithms,
        clock: createSystemClock(),
        password: await existingPassword(context),
        signal: context.signal,
        ...(upgradeOwnerID && { upgradeOwnerID: upgradeOwnerID(config) }),
        ...upgradeOwner(context),
      }),
    );
    return await work({ storage, formatManager, config });
  });
}

async function withConnection<T>(
  context: CommandContext,
  { parallel = false, recentFormat = false }: ConnectOptions,
  work: (
    connection: Omit<Connection, 'repository'>,
    open: Omit<OpenOptions, 'storage'>,
  ) => Promise<T>,
): Promise<T> {
  return withStorage(context, async ({ storage, config, recent }) => {
    const password = await existingPassword(context);
    const identity = { userName: config.client.username, hostName: config.client.hostname };
    const cache = await openCache(context, config);
    const formatCache = recentFormat ? recent?.formatCache : undefined;
    const open: Omit<OpenOptions, 'storage'> = {
      ...(await computing(context, { parallel })),
      password,
      identity,
      signal: context.signal,
      ...(cache === undefined ? {} : { cache }),
      ...(formatCache === undefined ? {} : { formatCache }),
      ...upgradeOwner(context),
      onRepaired: ({ contentID, packBlobID }) =>
        context.log.warning(
          `content ${contentID} in ${packBlobID} was damaged and has been mended`,
        ),
    };
    return await work({ storage, config, identity, password }, open);
  });
}

/** Of the memory limit of a control group: what the kernel keeps for the process counts as well. */
const SHARE_OF_CONTROL_GROUP = 0.9;

/** The algorithms of this platform, and the engine to run them on. */
export async function computing(
  { flags }: Pick<CommandContext, 'flags'>,
  { parallel = false }: ConnectOptions = {},
): Promise<{
  readonly algorithms: OpenOptions['algorithms'] & {};
  readonly engine?: ContentEngineFactory;
}> {
  const { limitYoungGeneration, nativeAlgorithms, nativeEngine } =
    await import('@longshore/repo/node');
  const algorithms = nativeAlgorithms();
  if (!parallel) return { algorithms };
  const memoryLimit = flags['memory-limit'] ?? controlGroupLimit();
  limitYoungGeneration({ atOnce: memoryLimit !== undefined });
  return { algorithms, engine: nativeEngine({ startThreads: true, memoryLimit }) };
}

/** Undefined where there is none: Node then says 0, or more than there is. */
function controlGroupLimit(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit * SHARE_OF_CONTROL_GROUP : undefined;
}

/** What reading in bulk may hold, as far as somebody limits it. */
export function readLimit({ memoryPlan }: OpenRepository): { readonly memoryLimit?: number } {
  return memoryPlan === undefined ? {} : { memoryLimit: memoryPlan.readBytes };
}

/** Says which repository a wrong password was for. */
export async function namingPassword<R>(
  { displayName }: BlobStorage,
  opening: Promise<R>,
): Promise<R> {
  try {
    return await opening;
  } catch (cause) {
    if (!hasCode(cause, 'INVALID_PASSWORD')) throw cause;
    throw new LongshoreError(
      'INVALID_PASSWORD',
      `wrong password for the repository in ${displayName}`,
      { cause },
    );
  }
}

/** `--upgrade-owner-id`, if given. */
export function upgradeOwner({ flags }: CommandContext): { readonly upgradeOwnerID?: string } {
  const owner = flags['upgrade-owner-id'];
  return owner === undefined ? {} : { upgradeOwnerID: owner };
}

function refuseReadOnly(
  { configFile }: CommandContext,
  { client, storage }: ConnectionConfig,
): void {
  if (pointInTimeOf(storage.config) !== undefined) {
    throw new LongshoreError(
      'READ_ONLY',
      `${configFile} shows the repository as it was; connect again without --point-in-time`,
    );
  }
  if (!client.readonly) return;
  throw new LongshoreError(
    'READ_ONLY',
    `${configFile} connects for reading only; "longshore repository set-client --read-write" allows writing`,
  );
}

function warn(context: CommandContext, repository: OpenRepository): void {
  const limit = context.flags['memory-limit'];
  const needed = repository.memoryPlan?.peakBytes ?? 0;
  if (limit !== undefined && needed > limit) {
    context.log.warning(
      `--memory-limit: reading and writing this repository may take ${formatBytes(needed)}`,
    );
  }
  for (const warning of repository.formatManager.warnings) context.log.warning(warning);
}

/** Without the methods that write, so that nothing that only reads can. */
function readerOf(storage: BlobStorage): BlobReader {
  return {
    displayName: storage.displayName,
    getBlob: (id, options) => storage.getBlob(id, options),
    getMetadata: (id, options) => storage.getMetadata(id, options),
    listBlobs: (prefix, options) => storage.listBlobs(prefix, options),
  };
}
