import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  createRepository,
  describeError,
  hasCode,
  LongshoreError,
  openRepository,
  writeSession,
  type BlobStorage,
  type OpenWritableRepository,
} from '@longshore/repo';
import {
  createSnapshot,
  findPreviousSnapshots,
  initializeRepository,
  verifySnapshots,
  type SnapshotManifest,
} from '@longshore/snapshot';
import { openLocalEntry } from '@longshore/snapshot/node';
import { defaultIdentity } from '../config/client-identity.ts';
import { saveConfigFile, writePrivateFile } from '../config/config-file.ts';
import { expandHome, quickstartFolder } from '../config/config-paths.ts';
import type { ClientConfig, StorageConfig } from '../config/connection-config.ts';
import { savePassword } from '../config/password-file.ts';
import { openStorage } from '../connection/open-storage.ts';
import { computing } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { SilentFailure } from '../exit-codes.ts';
import { defineCommand, requiredArgument, type Command } from '../grammar/command.ts';
import { formatBytes } from '../output/units.ts';
import { UploadProgress } from '../progress/upload-progress.ts';
import { PACKAGE_FOLDER, packageVersion } from '../version.ts';

const PASSWORD_BYTES = 24;

/** Everything that quickstart makes lies in one folder. */
interface QuickstartPaths {
  readonly folder: string;
  readonly repository: string;
  readonly configFile: string;
  readonly passwordFile: string;
}

export const command: Command = defineCommand({
  summary: 'Back a folder up, verify it and show how to restore it, without any preparation.',
  details:
    'The repository lies in the data folder of the user. It protects from mistakes, not from the loss of the disk:\n' +
    'for that create a repository elsewhere with "longshore repository create".',
  flags: {},
  args: { DIR: requiredArgument('The folder, or file, to back up.') },
  async run(context, { args }) {
    const source = resolve(context.workingDirectory, expandHome(args.DIR, context.env));
    const root = openLocalEntry(source);
    if (root.type !== 'd' && root.type !== 'f') {
      throw new LongshoreError('SOURCE_UNREADABLE', `${source} is neither a file nor a folder`);
    }
    context.handleStop();
    const paths = quickstartPaths(context);
    const storage = quickstartStorage(paths);
    await using opened = await openStorage(context, storage, { create: { formatVersion: 3 } });
    const password = quickstartPassword(context, paths);
    await using repository = await openOrCreate(context, opened, password);
    saveConnection(paths, storage, password);
    context.log.info(`Backing up ${source} ...`);
    const snapshot = await backUp(context, repository, root, source);
    await verify(context, repository, snapshot);
    printResult(context, paths, snapshot);
  },
});

function quickstartPaths({ env }: CommandContext): QuickstartPaths {
  const folder = quickstartFolder(env);
  return {
    folder,
    repository: join(folder, 'repository'),
    configFile: join(folder, 'repository.config'),
    passwordFile: join(folder, 'password'),
  };
}

function quickstartStorage({ repository }: QuickstartPaths): StorageConfig {
  return {
    type: 'filesystem',
    config: { path: repository, fileMode: 0o600, dirMode: 0o700, dirShards: null },
  };
}

/** The one that was kept, else a new one, which is kept before anything is encrypted with it. */
function quickstartPassword(
  context: CommandContext,
  { passwordFile, repository }: QuickstartPaths,
): string {
  if (existsSync(passwordFile)) return readFileSync(passwordFile, 'utf8').trim();
  if (existsSync(join(repository, 'kopia.repository.f'))) {
    throw new LongshoreError(
      'INVALID_PASSWORD',
      `${passwordFile} is gone, and with it the password of ${repository}; put it back, or move the repository away`,
    );
  }
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  writePrivateFile(passwordFile, `${password}\n`);
  context.log.info(`The password of the repository was generated and is kept in ${passwordFile}.`);
  return password;
}

async function openOrCreate(
  context: CommandContext,
  storage: BlobStorage,
  password: string,
): Promise<OpenWritableRepository> {
  const { signal } = context;
  const identity = defaultIdentity();
  const common = {
    storage,
    password,
    identity,
    signal,
    ...(await computing(context, { parallel: true })),
  };
  try {
    return await openRepository(common);
  } catch (error) {
    if (!hasCode(error, 'REPOSITORY_NOT_INITIALIZED')) throw error;
  }
  const build = { version: packageVersion(), info: 'longshore' };
  const repository = await createRepository({ ...common, build });
  await writeSession(repository, { signal }, (writer) => initializeRepository(writer, identity));
  context.log.info(`Created a repository in ${storage.displayName}.`);
  return repository;
}

/** So that all other commands work with the repository when they are given this file. */
function saveConnection(
  { configFile }: QuickstartPaths,
  storage: StorageConfig,
  password: string,
): void {
  const { userName, hostName } = defaultIdentity();
  const client: ClientConfig = {
    hostname: hostName,
    username: userName,
    readonly: false,
    permissiveCacheLoading: false,
    description: 'longshore quickstart',
    enableActions: false,
    formatBlobCacheDuration: -1n,
    throttlingLimits: undefined,
  };
  saveConfigFile(configFile, { storage, caching: undefined, client });
  savePassword(configFile, password);
}

async function backUp(
  context: CommandContext,
  repository: OpenWritableRepository,
  root: Parameters<typeof createSnapshot>[1],
  path: string,
): Promise<SnapshotManifest> {
  const { signal, stopSignal, log } = context;
  const { userName, hostName } = defaultIdentity();
  const source = { host: hostName, userName, path };
  const progress = new UploadProgress(context.progress);
  await using writer = repository.newWriter({
    signal,
    onUpload: (bytes) => progress.onUploaded(bytes),
  });
  const { snapshot } = await createSnapshot(writer, root, {
    source,
    signal,
    stopSignal,
    defaultParallelism: availableParallelism(),
    onEvent: (event) => {
      progress.onEvent(event);
      if (event.type === 'entry-failed') log.error(`Cannot back up ${event.path}: ${event.error}`);
    },
  });
  context.progress.clear();
  if (snapshot !== undefined) return snapshot;
  // The repository's policy is not to save what has not changed: then the last snapshot holds it.
  const [last] = await findPreviousSnapshots(repository, source, { signal });
  if (last === undefined) throw new LongshoreError('MANIFEST_NOT_FOUND', `${path} has no snapshot`);
  return last;
}

/** Reads every byte back. Other snapshots of the repository are not looked at. */
async function verify(
  context: CommandContext,
  repository: OpenWritableRepository,
  { rootEntry }: SnapshotManifest,
): Promise<void> {
  if (rootEntry === undefined) throw new LongshoreError('CORRUPT_DATA', 'the snapshot has no root');
  await repository.refresh({ signal: context.signal });
  const { files, bytesRead, errorCount, errors } = await verifySnapshots(
    repository,
    [{ name: '', entry: rootEntry }],
    {
      signal: context.signal,
      verifyFilesPercent: 100,
      maxErrors: -1,
      onEvent: (event) => {
        if (event.type !== 'progress') return;
        context.progress.update(() => `Verifying: read ${formatBytes(event.bytesRead)}`);
      },
    },
  );
  context.progress.clear();
  for (const { error } of errors) context.log.error(describeError(error));
  if (errorCount > 0) {
    throw new LongshoreError('CORRUPT_DATA', `${errorCount} files of the new snapshot are damaged`);
  }
  context.log.info(`Verified every byte of ${files} files (${formatBytes(bytesRead)}).`);
}

function printResult(
  context: CommandContext,
  { configFile, folder, passwordFile }: QuickstartPaths,
  { id, rootEntry, startTime, source, incomplete }: SnapshotManifest,
): void {
  const summary = rootEntry?.summary;
  const withConfig = `${quoted(ownCommand())} --config-file ${quoted(configFile)}`;
  const partial = incomplete === undefined ? '' : ` (${incomplete})`;
  context.print(
    `\n${source.userName}@${source.host}:${source.path}\n` +
      `  ${context.times.show(startTime)} ${rootEntry?.objectID ?? ''} ${formatBytes(summary?.size ?? 0)} ` +
      `files:${summary?.files ?? 0} dirs:${summary?.dirs ?? 0}${partial}\n\n` +
      `To list what was backed up:\n  ${withConfig} snapshot list\n  ${withConfig} ls -l ${id}\n` +
      `To restore it:\n  ${withConfig} restore ${id} ./restored\n\n` +
      `Repository: ${folder}\nPassword:   ${passwordFile} (whoever has it and the repository can read everything)\n`,
  );
  const failed = summary?.numFailed ?? 0;
  if (failed > 0) throw new SilentFailure(`${failed} entries could not be backed up`);
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** How to call this program from anywhere: in a checkout nothing of it is on the PATH. */
function ownCommand(): string {
  const checkout = fileURLToPath(new URL('../..', PACKAGE_FOLDER));
  const linked = join(checkout, 'node_modules', '.bin', 'longshore');
  const isCheckout = existsSync(join(checkout, 'pnpm-workspace.yaml'));
  return isCheckout && existsSync(linked) ? linked : 'longshore';
}
