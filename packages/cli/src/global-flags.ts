import { flag, refusedFlag, type FlagValues, type Flags } from './grammar/flag.ts';
import { byteSize, decimal, duration, integer, oneOf, text } from './grammar/value-flags.ts';

export const LOG_LEVELS = ['debug', 'info', 'warning', 'error'] as const;

const HOUR = 3_600_000_000_000n;

/** Flags of every command, under Kopia's names. */
export const GLOBAL_FLAGS = {
  help: flag('Describe the command.'),
  'help-long': flag('Describe every command.', { hidden: true }),
  'help-full': flag('Describe every command and flag, hidden ones too.'),
  version: flag('Print the version.'),
  'config-file': text('The file that says which repository to use.', {
    env: 'KOPIA_CONFIG_PATH',
    default: 'repository.config',
  }),
  password: text('Password of the repository.', { short: 'p', env: 'KOPIA_PASSWORD' }),
  'persist-credentials': flag('Keep the password in a file beside the configuration.', {
    env: 'KOPIA_PERSIST_CREDENTIALS_ON_CONNECT',
    default: true,
  }),
  progress: flag('Show progress on a terminal.', { default: true }),
  'progress-update-interval': duration('How often progress is redrawn.', {
    hidden: true,
    default: 300_000_000n,
  }),
  'memory-limit': byteSize(
    'Memory that longshore may take, such as 400MB (default: nine tenths of the limit of its control group).',
    { env: 'LONGSHORE_MEMORY_LIMIT' },
  ),
  'log-level': oneOf(LOG_LEVELS)('Least severe messages shown on the console.', {
    default: 'info',
  }),
  'file-log-level': oneOf(LOG_LEVELS)('Least severe messages written to the log file.', {
    default: 'debug',
  }),
  'log-dir': text('Folder of the log files (default: longshore in the cache folder).', {
    env: 'KOPIA_LOG_DIR',
  }),
  'log-file': text('Write the log to this file instead.'),
  'disable-file-logging': flag('Write no log file.'),
  'log-dir-max-files': integer('Log files that are kept.', {
    env: 'KOPIA_LOG_DIR_MAX_FILES',
    hidden: true,
    default: 1000,
  }),
  'log-dir-max-age': duration('How long log files are kept.', {
    env: 'KOPIA_LOG_DIR_MAX_AGE',
    hidden: true,
    default: 720n * HOUR,
  }),
  'log-dir-max-total-size-mb': decimal('Total size of log files that are kept.', {
    env: 'KOPIA_LOG_DIR_MAX_SIZE_MB',
    hidden: true,
    default: 1000,
  }),
  'disable-content-log': flag('Accepted: longshore writes no content log.', { hidden: true }),
  'content-log-dir-max-files': integer('Accepted: longshore writes no content log.', {
    hidden: true,
    default: 5000,
  }),
  'content-log-dir-max-age': duration('Accepted: longshore writes no content log.', {
    hidden: true,
    default: 720n * HOUR,
  }),
  'content-log-dir-max-total-size-mb': decimal('Accepted: longshore writes no content log.', {
    hidden: true,
    default: 1000,
  }),
  'wait-for-log-sweep': flag('Accepted: old log files are removed when a new one begins.', {
    hidden: true,
    default: true,
  }),
  'disable-repository-log': flag('Accepted: longshore stores no log in the repository.', {
    env: 'KOPIA_DISABLE_REPOSITORY_LOG',
    hidden: true,
  }),
  'trace-storage': flag('Write every call to the storage to the log file.', {
    hidden: true,
    default: true,
  }),
  'console-timestamps': flag('Begin each message with the time.', {
    env: 'KOPIA_CONSOLE_TIMESTAMPS',
    hidden: true,
  }),
  'json-log-console': flag('Messages on the console are JSON, one object a line.', {
    hidden: true,
  }),
  'json-log-file': flag('The log file is JSON, one object a line.', { hidden: true }),
  'file-log-local-tz': flag('Times in the log file are local.', {
    env: 'KOPIA_FILE_LOG_LOCAL_TZ',
    hidden: true,
  }),
  'disable-color': flag('No colours on the terminal.', {
    env: 'KOPIA_DISABLE_COLOR',
    hidden: true,
  }),
  'force-color': flag('Colours even if the output is no terminal.', {
    env: 'KOPIA_FORCE_COLOR',
    hidden: true,
  }),
  timezone: text('Zone in which times are shown: local, utc, or a name such as Europe/Paris.', {
    hidden: true,
  }),
  'dangerous-commands': text('"enabled" lets commands run that can destroy a repository.', {
    env: 'KOPIA_DANGEROUS_COMMANDS',
    hidden: true,
  }),
  'upgrade-owner-id': text('This client holds the upgrade lock under this name.', {
    env: 'KOPIA_REPO_UPGRADE_OWNER_ID',
    hidden: true,
  }),
  'upgrade-no-block': flag('Accepted: longshore never waits for an upgrade to end.', {
    env: 'KOPIA_REPO_UPGRADE_NO_BLOCK',
    hidden: true,
  }),
  'exit-codes': oneOf(['kopia', 'detailed'])(
    'With "detailed" each kind of failure has an exit code of its own.',
    { default: 'kopia' },
  ),
  'auto-maintenance': flag('Maintain the repository after changes of snapshots, if that is due.', {
    hidden: true,
    default: true,
  }),
  'use-keyring': flag('Accepted: the password is kept in a file, and a warning says so.', {
    env: 'KOPIA_USE_KEYRING',
    hidden: true,
  }),
  'error-notifications': refusedFlag({ except: ['never'] }),
  'help-man': refusedFlag({ isBoolean: true }),
  'initial-update-check-delay': refusedFlag(),
  'update-check-interval': refusedFlag(),
  'update-available-notify-interval': refusedFlag(),
  'track-releasable': refusedFlag(),
  'dump-allocator-stats': refusedFlag({ isBoolean: true }),
  'enable-pprof': refusedFlag({ isBoolean: true }),
  'otlp-trace': refusedFlag({ isBoolean: true, env: 'KOPIA_ENABLE_OTLP_TRACE' }),
  'metrics-listen-addr': refusedFlag(),
  'metrics-push-addr': refusedFlag({ env: 'KOPIA_METRICS_PUSH_ADDR' }),
  'metrics-push-interval': refusedFlag(),
  'metrics-push-job': refusedFlag(),
  'metrics-push-grouping': refusedFlag(),
  'metrics-push-username': refusedFlag(),
  'metrics-push-password': refusedFlag(),
  'metrics-push-format': refusedFlag(),
  'metrics-store-on-exit': refusedFlag({ isBoolean: true }),
  'diagnostics-output-directory': refusedFlag(),
  'content-log-file': refusedFlag(),
  'progress-estimation-type': refusedFlag({ except: ['classic'] }),
  'adaptive-estimation-threshold': refusedFlag(),
  'max-log-file-segment-size': refusedFlag(),
  'ignore-missing-required-features': refusedFlag({ isBoolean: true }),
  'profile-blocking-rate': refusedFlag(),
  'profile-go-gc-before-dump': refusedFlag({ isBoolean: true }),
  'profile-memory-rate': refusedFlag(),
  'profile-mutex-fraction': refusedFlag(),
  'profile-cpu': refusedFlag({ isBoolean: true }),
  'profile-store-on-exit': refusedFlag({ isBoolean: true }),
} as const satisfies Flags;

export type GlobalFlagValues = FlagValues<typeof GLOBAL_FLAGS>;
