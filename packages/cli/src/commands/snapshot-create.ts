import { resolve } from 'node:path';
import {
  createSystemClock,
  describeError,
  LongshoreError,
  StoredPacks,
  type ClientIdentity,
  type ContentInfo,
  type OpenWritableRepository,
} from '@longshore/repo';
import {
  createSnapshot,
  EMPTY_POLICY,
  findPreviousSnapshots,
  formatSource,
  getEffectivePolicy,
  getPolicy,
  listSnapshots,
  setPolicy,
  type DirectoryEntry,
  type FileEntry,
  type SnapshotManifest,
  type SourceInfo,
} from '@longshore/snapshot';
import { openLocalEntry } from '@longshore/snapshot/node';
import { availableParallelism } from 'node:os';
import { expandHome } from '../config/config-paths.ts';
import { parseTags, sourceOf } from '../connection/sources.ts';
import { withWritableRepository, type Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { InterruptedError, SilentFailure } from '../exit-codes.ts';
import { failureLine } from '../failure-line.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag, refusedFlag, type FlagValues } from '../grammar/flag.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { decimal, duration, integer, JSON_FLAGS, text, texts } from '../grammar/value-flags.ts';
import { maintainIfDue } from '../maintenance/automatic-maintenance.ts';
import { printJSON } from '../output/json-output.ts';
import { parseTimestamp, wholeSeconds } from '../output/parse-time.ts';
import { requestsJSON } from '../output/request-line.ts';
import { snapshotJSON } from '../output/snapshot-json.ts';
import { countTree, workOfSnapshot } from '../progress/estimate-work.ts';
import { uploadLog } from '../output/upload-log.ts';
import { UploadProgress } from '../progress/upload-progress.ts';
import { openSourceActions } from './snapshot-actions.ts';
import { stdinDirectory } from './stdin-entry.ts';

const MEBIBYTE = 2 ** 20;
const MAX_DESCRIPTION_LENGTH = 1024;
const MAX_CHECKPOINT_INTERVAL = 45n * 60_000_000_000n;

const FLAGS = {
  all: flag('Back up every source of this user and host again.'),
  'upload-limit-mb': integer('Stop after so many MiB; 0: never.', {
    placeholder: 'MB',
    default: 0,
  }),
  'checkpoint-interval': duration('Time between checkpoints, 45 minutes at most.', {
    hidden: true,
    default: MAX_CHECKPOINT_INTERVAL,
  }),
  description: text('A description of the snapshot.', { default: '' }),
  'fail-fast': flag('Stop at the first file that cannot be read.', {
    env: 'KOPIA_SNAPSHOT_FAIL_FAST',
  }),
  'force-hash': decimal('Share of unchanged files to read all the same, 0 to 100.', { default: 0 }),
  heal: flag('Look whether the storage has what indexes name, and store again what it has lost.'),
  parallel: integer('Files read at once; 0: as the policy says.', { placeholder: 'N', default: 0 }),
  'start-time': text('Say that the snapshot started then.'),
  'end-time': text('Say that the snapshot ended then.'),
  'force-enable-actions': flag(
    'Run the programs that policies name even if the connection does not allow it.',
    { hidden: true },
  ),
  'force-disable-actions': flag('Run none of the programs that policies name.', { hidden: true }),
  'stdin-file': text('Back up standard input as a file of this name.'),
  tags: texts('A tag of the snapshot, <key>:<value>.'),
  pin: texts('Keep the snapshot for ever, for this reason.'),
  'flush-per-source': flag('Accepted: longshore commits after each source.', { hidden: true }),
  'override-source': text('Say that this is the source, user@host:path.'),
  'send-snapshot-report': refusedFlag({ isBoolean: true }),
  'hint-streaming-reads': refusedFlag({ isBoolean: true }),
  'log-dir-detail': integer('Details about directories that the log gets, 0 to 10.', {
    placeholder: 'LEVEL',
    default: -1,
  }),
  'log-entry-detail': integer('Details about files and symlinks that the log gets, 0 to 10.', {
    placeholder: 'LEVEL',
    default: -1,
  }),
  ...JSON_FLAGS,
};

type CreateFlags = FlagValues<typeof FLAGS>;

/** What to back up and as what. */
interface SnapshotTask {
  readonly root: DirectoryEntry | FileEntry;
  readonly source: SourceInfo;
  /** On this machine, absolute; undefined for standard input. */
  readonly path: string | undefined;
  /** The source is made up, so that no schedule can back it up again. */
  readonly isManual: boolean;
}

export const command: Command = defineCommand({
  summary: 'Back up files or folders.',
  flags: FLAGS,
  args: { source: argumentList('Files and folders.') },
  showsRequests: true,
  async run(context, { flags, args }) {
    checkFlags(flags, args.source);
    context.handleStop();
    await withWritableRepository(
      context,
      async (connection) => {
        const paths = flags.all ? await ownSources(context, connection) : args.source;
        if (paths.length === 0) {
          throw new UsageError(
            flags.all
              ? 'there is no earlier source of this user and host that is not manual'
              : 'snapshot create needs a source, or --all',
          );
        }
        const failures: string[] = [];
        const errors: unknown[] = [];
        const leftOut: string[] = [];
        for (const path of paths) {
          if (context.stopSignal.aborted) {
            leftOut.push(path);
            continue;
          }
          try {
            await backUp(context, connection, path, flags);
          } catch (error) {
            context.signal.throwIfAborted();
            const line = error instanceof SilentFailure ? error.message : failureLine(error);
            context.log.debug(
              error instanceof Error ? (error.stack ?? line) : describeError(error),
            );
            failures.push(line);
            errors.push(error);
          }
        }
        context.progress.clear();
        if (leftOut.length > 0) throw new InterruptedError(`not backed up: ${leftOut.join(', ')}`);
        if (failures.length === 0) {
          await maintainIfDue(context, connection.repository);
          return;
        }
        for (const failure of failures) context.log.error(`longshore: ${failure}`);
        const message = `${failures.length} of ${paths.length} sources failed`;
        throw new SilentFailure(message, paths.length === 1 ? { cause: errors[0] } : {});
      },
      { parallel: true, recentFormat: true },
    );
  },
});

function checkFlags(flags: CreateFlags, sources: readonly string[]): void {
  if (flags.all && sources.length > 0)
    throw new UsageError('--all and a source exclude each other');
  if (Buffer.byteLength(flags.description) > MAX_DESCRIPTION_LENGTH) {
    throw new UsageError(`--description takes at most ${MAX_DESCRIPTION_LENGTH} bytes`);
  }
  if (flags['force-hash'] < 0 || flags['force-hash'] > 100) {
    throw new UsageError('--force-hash is a percentage, 0 to 100');
  }
  const interval = flags['checkpoint-interval'];
  if (interval <= 0n || interval > MAX_CHECKPOINT_INTERVAL) {
    throw new UsageError('--checkpoint-interval must be positive and at most 45m');
  }
  parseTags(flags.tags);
  const { startTime, endTime } = timesOf(flags);
  if (startTime !== undefined && endTime !== undefined && startTime > endTime) {
    throw new UsageError('--start-time is after --end-time');
  }
}

function timesOf(flags: CreateFlags): { readonly startTime?: bigint; readonly endTime?: bigint } {
  const { 'start-time': start = '', 'end-time': end = '' } = flags;
  return {
    ...(start === '' ? {} : { startTime: parseTimestamp(start, '--start-time') }),
    ...(end === '' ? {} : { endTime: parseTimestamp(end, '--end-time') }),
  };
}

/** Paths of earlier snapshots of this user and host that are not to be taken by hand only. */
async function ownSources(
  { signal }: CommandContext,
  { repository, identity }: Connection,
): Promise<readonly string[]> {
  const paths = new Set<string>();
  for (const { source } of await listSnapshots(repository, undefined, { signal })) {
    const isOwn = source.host === identity.hostName && source.userName === identity.userName;
    if (!isOwn || paths.has(source.path)) continue;
    const { policy } = await getEffectivePolicy(repository, source, { signal });
    if (policy.scheduling.manual !== true) paths.add(source.path);
  }
  return [...paths].sort();
}

async function backUp(
  context: CommandContext,
  connection: Connection<OpenWritableRepository>,
  path: string,
  flags: CreateFlags,
): Promise<void> {
  const { repository, identity } = connection;
  const { log, signal, stopSignal } = context;
  const task = taskOf(context, identity, path, flags);
  const areAllowed =
    (connection.config.client.enableActions || flags['force-enable-actions']) &&
    !flags['force-disable-actions'];
  log.info(`Snapshotting ${formatSource(task.source)} ...`);
  const progress = new UploadProgress(context.progress);
  const counting = new AbortController();
  void estimate(context, connection, task, progress, counting.signal);
  try {
    const packs = flags.heal
      ? await StoredPacks.list(connection.storage, createSystemClock(), { signal })
      : undefined;
    const healing =
      packs === undefined ? {} : { isStored: (info: ContentInfo): boolean => packs.holds(info) };
    await using writer = repository.newWriter({
      ...healing,
      signal,
      onUpload: (bytes) => progress.onUploaded(bytes),
    });
    await using programs =
      task.path === undefined
        ? undefined
        : openSourceActions(context, { path: task.path, areAllowed });
    const { snapshot, draft } = await createSnapshot(writer, task.root, {
      source: task.source,
      description: flags.description,
      tags: parseTags(flags.tags),
      pins: flags.pin,
      ...timesOf(flags),
      signal,
      stopSignal,
      parallelism: flags.parallel > 0 ? flags.parallel : undefined,
      defaultParallelism: availableParallelism(),
      uploadLimitBytes:
        flags['upload-limit-mb'] > 0 ? flags['upload-limit-mb'] * MEBIBYTE : undefined,
      failFast: flags['fail-fast'],
      forceHashPercent: flags['force-hash'],
      ...healing,
      actions: programs?.actions,
      checkpointIntervalMs: Number(flags['checkpoint-interval'] / 1_000_000n),
      onEvent: (event) => {
        progress.onEvent(event);
        if (event.type === 'entry-failed') {
          const text = `${event.path}: ${event.error}`;
          if (event.ignored) log.warning(`Ignored: ${text}`);
          else log.error(`Cannot back up ${text}`);
        } else if (event.type === 'checkpoint') log.debug(`checkpoint ${event.manifestID}`);
      },
      log: uploadLog(log, {
        directoryDetail: flags['log-dir-detail'],
        entryDetail: flags['log-entry-detail'],
      }),
    });
    if (task.isManual) {
      await markManual(writer, task.source);
      await writer.flush({ signal });
    }
    context.progress.clear();
    if (snapshot === undefined) {
      log.info('Nothing has changed since the last snapshot: no new one was saved.');
    } else report(context, snapshot, flags);
    const failed = draft.rootEntry?.summary?.numFailed ?? 0;
    const ignored = draft.rootEntry?.summary?.numIgnoredErrors ?? 0;
    if (ignored > 0) {
      log.warning(`Ignored ${ignored} error(s) while snapshotting ${formatSource(task.source)}.`);
    }
    if (failed > 0) {
      throw new SilentFailure(
        `Found ${failed} fatal error(s) while snapshotting ${formatSource(task.source)}.`,
      );
    }
  } finally {
    counting.abort();
    context.progress.clear();
  }
}

function taskOf(
  context: CommandContext,
  identity: ClientIdentity,
  given: string,
  flags: CreateFlags,
): SnapshotTask {
  const path = resolve(context.workingDirectory, expandHome(given, context.env));
  const { 'override-source': override, 'stdin-file': stdinFile } = flags;
  const source =
    override === undefined
      ? { host: identity.hostName, userName: identity.userName, path }
      : sourceOf(context, identity, override);
  if (source.host === '' || source.userName === '' || source.path === '') {
    throw new UsageError(`--override-source needs user@host:path, not ${JSON.stringify(override)}`);
  }
  const isManual = override !== undefined || stdinFile !== undefined;
  if (stdinFile !== undefined)
    return {
      root: stdinDirectory(path, stdinFile, context.stopSignal),
      source,
      path: undefined,
      isManual,
    };
  const root = openLocalEntry(path);
  if (root.type === 'd' || root.type === 'f') return { root, source, path, isManual };
  throw new LongshoreError('SOURCE_UNREADABLE', `${path} is neither a file nor a folder`, { path });
}

async function estimate(
  context: CommandContext,
  { repository }: Connection,
  { root, source }: SnapshotTask,
  progress: UploadProgress,
  signal: AbortSignal,
): Promise<void> {
  if (!context.progress.enabled) return;
  try {
    const [previous] = await findPreviousSnapshots(repository, source, { signal });
    progress.expect(workOfSnapshot(previous) ?? (await countTree(root, signal)));
  } catch (error) {
    context.log.debug(`no estimate: ${describeError(error)}`);
  }
}

async function markManual(
  writer: Parameters<typeof setPolicy>[0],
  source: SourceInfo,
): Promise<void> {
  const policy = (await getPolicy(writer, source))?.policy ?? EMPTY_POLICY;
  if (policy.scheduling.manual === true) return;
  await setPolicy(writer, source, { ...policy, scheduling: { manual: true } });
}

function report(context: CommandContext, snapshot: SnapshotManifest, flags: CreateFlags): void {
  if (flags.json) {
    printJSON(context, flags, {
      ...snapshotJSON(snapshot, { withStats: flags['json-verbose'] }),
      ...requestsJSON(context.requests.counts),
    });
    return;
  }
  const { id, rootEntry, startTime, endTime, incomplete } = snapshot;
  const partial = incomplete === undefined ? '' : ' partial';
  const took = formatGoDuration(wholeSeconds(endTime - startTime));
  context.log.info(
    `Created${partial} snapshot with root ${rootEntry?.objectID ?? ''} and ID ${id} in ${took}`,
  );
}
