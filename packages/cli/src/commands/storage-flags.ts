import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { formatGoTime, parseGoTime } from '@longshore/repo';
import { errnoOf } from '../config/errno.ts';
import { expandHome } from '../config/config-paths.ts';
import type { StorageConfig } from '../config/connection-config.ts';
import type { CommandContext } from '../context.ts';
import { flag, refusedFlag, valueFlag, type Flags, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { decimal, integer, text } from '../grammar/value-flags.ts';

const DEFAULT_FILE_MODE = 0o600;
const DEFAULT_FOLDER_MODE = 0o700;

const fileMode = valueFlag(
  (given: string): number => {
    if (/^0?[0-7]{3,4}$/.test(given)) return Number.parseInt(given, 8);
    throw new UsageError(`needs an octal mode such as 0600, not ${JSON.stringify(given)}`);
  },
  (mode) => `0${mode.toString(8)}`,
);

/** As it is stored. */
const pointInTime = valueFlag((given: string): string => {
  try {
    return formatGoTime(parseGoTime(given, 'time'));
  } catch {
    throw new UsageError(`needs a time such as 2026-11-24T11:43:35Z, not ${JSON.stringify(given)}`);
  }
});

const SPEED_FLAGS = {
  'max-download-speed': decimal('Limit of downloads, in bytes per second.', {
    placeholder: 'BYTES_PER_SEC',
  }),
  'max-upload-speed': decimal('Limit of uploads, in bytes per second.', {
    placeholder: 'BYTES_PER_SEC',
  }),
} as const satisfies Flags;

/** Where a filesystem repository lies. */
export const FILESYSTEM_FLAGS = {
  path: text('Folder of the repository.', { required: true }),
  'owner-uid': integer('User ID that owns new files.', { placeholder: 'USER' }),
  'owner-gid': integer('Group ID that owns new files.', { placeholder: 'GROUP' }),
  'file-mode': fileMode('Mode of new files.', { placeholder: 'MODE', default: DEFAULT_FILE_MODE }),
  'dir-mode': fileMode('Mode of new folders.', {
    placeholder: 'MODE',
    default: DEFAULT_FOLDER_MODE,
  }),
  flat: flag('Keep all files in one folder.'),
  'list-parallelism': refusedFlag(),
  ...SPEED_FLAGS,
} as const satisfies Flags;

/** Where an S3 repository lies. */
export const S3_FLAGS = {
  bucket: text('Name of the bucket.', { required: true }),
  endpoint: text('Host, and port if need be, of the service.', { default: 's3.amazonaws.com' }),
  region: text('Region of the bucket.', { default: '' }),
  'access-key': text('Access key ID.', { required: true, env: 'AWS_ACCESS_KEY_ID' }),
  'secret-access-key': text('Secret access key.', {
    required: true,
    env: 'AWS_SECRET_ACCESS_KEY',
  }),
  'session-token': text('Session token.', { env: 'AWS_SESSION_TOKEN', default: '' }),
  prefix: text('Put before the names of all objects; end it in a slash for a folder.', {
    default: '',
  }),
  'disable-tls': flag('Speak HTTP instead of HTTPS.'),
  'disable-tls-verification': flag('Accept any certificate of the service.'),
  'root-ca-pem-base64': text('Authority that signs its certificate, PEM in base64.', {
    env: 'ROOT_CA_PEM_BASE64',
  }),
  'root-ca-pem-path': text('File with the authority that signs its certificate, PEM.'),
  'point-in-time': pointInTime(
    'With "repository connect": show a versioned bucket as it was then, for reading only.',
    {
      placeholder: '2006-01-02T15:04:05Z07:00',
    },
  ),
  ...SPEED_FLAGS,
} as const satisfies Flags;

/** The storage's part of a connection, its members in Kopia's order. */
export function filesystemConfig(
  context: CommandContext,
  flags: FlagValues<typeof FILESYSTEM_FLAGS>,
): StorageConfig {
  const path = expandHome(flags.path, context.env);
  if (!isAbsolute(path)) {
    throw new UsageError(`--path must be absolute, not ${JSON.stringify(flags.path)}`);
  }
  return {
    type: 'filesystem',
    config: {
      path,
      fileMode: flags['file-mode'],
      dirMode: flags['dir-mode'],
      uid: flags['owner-uid'],
      gid: flags['owner-gid'],
      dirShards: flags.flat ? [] : null,
      ...speedLimits(flags),
    },
  };
}

/** As {@link filesystemConfig}. */
export function s3Config(
  context: CommandContext,
  flags: FlagValues<typeof S3_FLAGS>,
): StorageConfig {
  return {
    type: 's3',
    config: {
      bucket: flags.bucket,
      prefix: flags.prefix || undefined,
      endpoint: flags.endpoint,
      doNotUseTLS: flags['disable-tls'] || undefined,
      doNotVerifyTLS: flags['disable-tls-verification'] || undefined,
      rootCA: rootCA(context, flags),
      accessKeyID: flags['access-key'],
      secretAccessKey: flags['secret-access-key'],
      sessionToken: flags['session-token'],
      roleARN: '',
      sessionName: '',
      duration: '0s',
      roleEndpoint: '',
      roleRegion: '',
      region: flags.region || undefined,
      pointInTime: flags['point-in-time'],
      ...speedLimits(flags),
    },
  };
}

/** As {@link s3Config}, for what is going to be written. */
export function writableS3Config(
  context: CommandContext,
  flags: FlagValues<typeof S3_FLAGS>,
): StorageConfig {
  if (flags['point-in-time'] !== undefined) {
    throw new UsageError('--point-in-time is for "repository connect": the past cannot be written');
  }
  return s3Config(context, flags);
}

function speedLimits(flags: FlagValues<typeof SPEED_FLAGS>): Record<string, unknown> {
  return {
    maxUploadSpeedBytesPerSecond: flags['max-upload-speed'] || undefined,
    maxDownloadSpeedBytesPerSecond: flags['max-download-speed'] || undefined,
  };
}

/** Base64, as Kopia stores it. */
function rootCA({ env }: CommandContext, flags: FlagValues<typeof S3_FLAGS>): string | undefined {
  const inline = flags['root-ca-pem-base64'] ?? '';
  const path = flags['root-ca-pem-path'] ?? '';
  if (inline !== '' && path !== '') {
    throw new UsageError('--root-ca-pem-base64 and --root-ca-pem-path exclude each other');
  }
  if (path === '') return inline === '' ? undefined : inline;
  try {
    return readFileSync(expandHome(path, env)).toString('base64');
  } catch (cause) {
    throw new UsageError(`--root-ca-pem-path: cannot read ${path} (${errnoOf(cause)})`);
  }
}
