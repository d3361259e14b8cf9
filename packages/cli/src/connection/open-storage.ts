import {
  createObservedStorage,
  createRetryingStorage,
  createSystemClock,
  createThrottledStorage,
  describeError,
  LongshoreError,
  systemSleep,
  type BlobStorage,
  type RetryPolicy,
  type StorageEvent,
} from '@longshore/repo';
import type { StorageConfig } from '../config/connection-config.ts';
import type { CommandContext } from '../context.ts';
import type { RecentBlobs } from './recent-blobs.ts';
import { filesystemSettings, s3Settings, throttlingLimits } from './storage-settings.ts';

const FIRST_CONTACT_POLICY: Partial<RetryPolicy> = { maxAttempts: 3, maxTotalMilliseconds: 10_000 };

/** Attempts that fail before this one are nothing to worry people with. */
const FIRST_SHOWN_ATTEMPT = 3;

/** A new repository's storage may have to be made, in a layout that its format's readers know. */
export interface NewStorage {
  readonly formatVersion: number;
  /** A folder is not made: where a disk is not mounted, the copy would fill the one below. */
  readonly inExistingFolder?: boolean;
}

/** Opens what a configuration names: throttled, traced to the log, with calls that failed for a moment repeated. */
export async function openStorage(
  context: CommandContext,
  storage: StorageConfig,
  options: {
    readonly create?: NewStorage;
    readonly limits?: Readonly<Record<string, unknown>> | undefined;
    /** Nobody knows yet whether the settings are right: give up soon. */
    readonly isFirstContact?: boolean;
    readonly recent?: RecentBlobs | undefined;
  } = {},
): Promise<BlobStorage> {
  const clock = createSystemClock();
  let opened = await openPlain(context, storage, options);
  const limits = throttlingLimits(storage.config, options.limits);
  if (Object.keys(limits).length > 0) {
    opened = createThrottledStorage(opened, { limits, clock, sleep: systemSleep });
  }
  if (context.flags['trace-storage']) {
    const onEvent = (event: StorageEvent): void => context.log.debug(describeEvent(event));
    opened = createObservedStorage(opened, { clock, onEvent });
  }
  return createRetryingStorage(opened, {
    clock,
    sleep: systemSleep,
    random: Math.random,
    policy: options.isFirstContact === true ? FIRST_CONTACT_POLICY : {},
    onRetry: ({ operation, target, attempt, error }) => {
      const line = `${describeError(error)}; trying again`;
      if (attempt < FIRST_SHOWN_ATTEMPT) context.log.debug(`${operation} ${target}: ${line}`);
      else context.log.warning(line);
    },
  });
}

/** Every request to it is counted, also those that only repeat a failed one. */
async function openPlain(
  { requests }: CommandContext,
  { type, config }: StorageConfig,
  options: { readonly create?: NewStorage; readonly recent?: RecentBlobs | undefined },
): Promise<BlobStorage> {
  const { create, recent } = options;
  const { openFilesystemStorage, createS3Storage } = await import('@longshore/repo/node');
  switch (type) {
    case 'filesystem': {
      const opened = await openFilesystemStorage({
        ...filesystemSettings(config),
        ...(create && { create: create.inExistingFolder === true ? 'in-existing-folder' : true }),
        ...(create?.formatVersion === 1 && !Array.isArray(config['dirShards'])
          ? { dirShards: [3, 3] }
          : {}),
      });
      return createObservedStorage(opened, {
        clock: createSystemClock(),
        onEvent: requests.record,
      });
    }
    case 's3':
      return createS3Storage({
        ...s3Settings(config),
        onRequest: requests.record,
        ...(recent === undefined ? {} : { configCache: recent.s3ConfigCache }),
      });
    default:
      throw new LongshoreError(
        'UNSUPPORTED',
        `storage of type ${JSON.stringify(type)} is not supported by longshore: filesystem and s3 are`,
      );
  }
}

function describeEvent(event: StorageEvent): string {
  const { operation, target, bytes, blobs, durationNanoseconds, outcome, errorCode } = event;
  const result =
    outcome === 'succeeded' ? `${bytes} bytes, ${blobs} blobs` : `${outcome} ${errorCode ?? ''}`;
  return `storage ${operation} ${target}: ${result} in ${durationNanoseconds / 1000n} us`;
}
