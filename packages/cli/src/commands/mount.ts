import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSystemClock, describeError, LongshoreError, type Repository } from '@longshore/repo';
import {
  DEFAULT_MAX_CACHED_DIRECTORIES,
  DEFAULT_MAX_CACHED_ENTRIES,
  findReferencedDirectory,
  mountAllSources,
  mountEntry,
  type MountedDirectory,
  type MountOptions,
} from '@longshore/snapshot';
import {
  serveWebdav,
  type Credentials,
  type ServeWebdavOptions,
  type WebdavAnswer,
} from '@longshore/snapshot/node';
import { expandHome } from '../config/config-paths.ts';
import { withRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, optionalArgument, type Command } from '../grammar/command.ts';
import { flag, refusedFlag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { integer, text, texts } from '../grammar/value-flags.ts';
import { openInBrowser } from '../output/open-in-browser.ts';
import { listenAddress } from '../grammar/listen-address.ts';

const FLAGS = {
  webdav: flag('Serve over WebDAV, which needs no privilege. The only way that longshore mounts.'),
  browse: flag('Show it in the browser.'),
  'trace-fs': flag('Write every request to the log.'),
  'max-cached-entries': integer('Directory entries that are kept in memory.', {
    default: DEFAULT_MAX_CACHED_ENTRIES,
  }),
  'max-cached-dirs': integer('Directories that are kept in memory.', {
    default: DEFAULT_MAX_CACHED_DIRECTORIES,
  }),
  address: listenAddress(
    'Where to listen: HOST:PORT. Port 0 is any that is free. Other hosts than this need a password.',
    { default: { host: '127.0.0.1', port: 0 } },
  ),
  'server-username': text('Name that clients must give.', {
    default: 'kopia',
    env: 'KOPIA_SERVER_USERNAME',
  }),
  'server-password': text('Password that clients must give.', { env: 'KOPIA_SERVER_PASSWORD' }),
  'without-password': flag('Let everybody read who reaches the address.'),
  'host-name': texts('Without a password: another name by which clients may call this host.', {
    placeholder: 'NAME',
  }),
  'tls-cert-file': text('Speak HTTPS with this certificate, PEM.'),
  'tls-key-file': text('The key of the certificate, PEM.'),
  'fuse-allow-other': refusedFlag({ isBoolean: true }),
  'fuse-allow-non-empty-mount': refusedFlag({ isBoolean: true }),
};

type MountFlags = FlagValues<typeof FLAGS>;

export const command: Command = defineCommand({
  summary: 'Serve snapshots read-only over WebDAV, for file managers and browsers.',
  details:
    'With "all", or nothing, the whole repository: below user@host and the path of the source each snapshot by its\n' +
    'time. New snapshots appear within a minute. Symbolic links are not shown. Ends when it is interrupted.',
  flags: FLAGS,
  args: {
    path: optionalArgument(
      'ID of a snapshot or directory and a path below it, <id>/<path>, or "all".',
    ),
    'mount-point': optionalArgument('Accepted if it is "*": longshore makes no mount point.'),
  },
  async run(context, { flags, args }) {
    const { path = 'all', 'mount-point': mountPoint = '*' } = args;
    if (!flags.webdav) {
      throw new UsageError('mount needs --webdav: longshore does not mount through FUSE');
    }
    if (mountPoint !== '*') {
      throw new UsageError(
        `mount does not mount on ${mountPoint}: leave it out, then let the system mount the URL, as with "mount -t davfs"`,
      );
    }
    const access = accessOptions(context, flags);
    context.handleStop();
    await withRepository(context, async ({ repository }) => {
      const root = await mountRoot(context, repository, path, flags);
      await serve(context, path, flags, { ...access, root, ...flags.address });
    });
  },
});

function accessOptions(
  context: CommandContext,
  flags: MountFlags,
): Pick<ServeWebdavOptions, 'credentials' | 'allowEveryone' | 'hostNames' | 'tls'> {
  const credentials = credentialsOf(flags);
  const hostNames = flags['host-name'];
  if (credentials !== undefined && hostNames.length > 0) {
    throw new UsageError(
      '--host-name is for a mount without a password: with one, any name will do',
    );
  }
  return {
    credentials,
    hostNames,
    allowEveryone: flags['without-password'],
    tls: tlsOf(context, flags),
  };
}

function credentialsOf(flags: MountFlags): Credentials | undefined {
  const { 'server-username': userName, 'server-password': password } = flags;
  if (flags['without-password'] || password === undefined) return undefined;
  if (password === '') throw new UsageError('--server-password must not be empty');
  if (userName.includes(':')) throw new UsageError('--server-username must have no colon');
  return { userName, password };
}

function tlsOf(context: CommandContext, flags: MountFlags): ServeWebdavOptions['tls'] {
  const { 'tls-cert-file': cert, 'tls-key-file': key } = flags;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError('--tls-cert-file and --tls-key-file are needed together');
  }
  return { cert: readPem(context, cert), key: readPem(context, key) };
}

function readPem({ workingDirectory, env }: CommandContext, path: string): string {
  try {
    return readFileSync(resolve(workingDirectory, expandHome(path, env)), 'utf8');
  } catch (cause) {
    throw new LongshoreError('PATH_NOT_FOUND', `cannot read ${path}: ${describeError(cause)}`, {
      path,
      cause,
    });
  }
}

async function mountRoot(
  { log, signal }: CommandContext,
  repository: Repository,
  path: string,
  flags: MountFlags,
): Promise<MountedDirectory> {
  const options: MountOptions = {
    clock: createSystemClock(),
    signal,
    maxCachedEntries: Math.max(0, flags['max-cached-entries']),
    maxCachedDirectories: Math.max(0, flags['max-cached-dirs']),
    onRefreshFailed: (error) => {
      log.warning(`Cannot look for new snapshots: ${describeError(error)}`);
    },
  };
  if (path === 'all') return mountAllSources(repository, options);
  return mountEntry(
    repository,
    await findReferencedDirectory(repository, path, { signal }),
    options,
  );
}

/** Until it is interrupted. */
async function serve(
  context: CommandContext,
  path: string,
  flags: MountFlags,
  options: ServeWebdavOptions,
): Promise<void> {
  const { log, signal, stopSignal } = context;
  await using server = await serveWebdav({
    ...options,
    onError: (error, target) => log.error(`Cannot serve ${target}: ${describeError(error)}`),
    ...(flags['trace-fs'] ? { onAnswer: (answer) => log.debug(answerLine(answer)) } : {}),
  });
  if (options.tls === undefined && !/^http:\/\/(?:127\.|localhost|\[::1\])/.test(server.url)) {
    log.warning('Without TLS everybody on the way can read what is sent, and the password.');
  }
  log.info(`Mounted '${path}' on ${server.url}`);
  if (flags.browse) openInBrowser(server.url, (reason) => log.error(`Cannot browse: ${reason}`));
  log.info('Interrupt (Ctrl-C) to unmount.');
  await aborted(stopSignal);
  await Promise.race([server.close(), aborted(signal)]);
  log.info('Unmounted.');
}

function answerLine({ method, target, range, status, complete }: WebdavAnswer): string {
  const part = range === undefined ? '' : ` ${range}`;
  return `${method} ${target}${part}: ${status}${complete ? '' : ', broken off'}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
