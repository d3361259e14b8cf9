import { resolve } from 'node:path';
import { LongshoreError } from '@longshore/repo';
import { makeDirectoriesSync } from '@longshore/repo/node';
import type { RestoreOutput } from '../restore/restore-output.ts';
import { createSystemCalls } from './create-system-calls.ts';
import { LocalOutputDirectory, type LocalOutputContext } from './local-output-directory.ts';
import { OpenDirectories } from './open-directories.ts';
import type { SystemCalls } from './system-calls.ts';
import { systemErrorCode, targetError } from './system-error.ts';

const DEFAULT_MAX_OPEN_DIRECTORIES = 64;

/** Every default is that of `kopia restore`. */
export interface LocalOutputOptions {
  /** True: what is in an existing directory stays. False: a directory that is not empty is ALREADY_EXISTS. */
  readonly overwriteDirectories?: boolean;
  /** True: an existing file is replaced. False: it is ALREADY_EXISTS. */
  readonly overwriteFiles?: boolean;
  /** True: an existing symlink is replaced, by a symlink or a file. False: it is ALREADY_EXISTS. */
  readonly overwriteSymlinks?: boolean;
  /** A file appears under its name only once it is complete. Default: false. */
  readonly writeFilesAtomically?: boolean;
  /** Blocks of zeros are not written. Default: false. */
  readonly writeSparseFiles?: boolean;
  readonly skipOwners?: boolean;
  readonly skipPermissions?: boolean;
  readonly skipTimes?: boolean;
  /** Owner, mode or times that may not be set are reported and left as they are. Default: true. */
  readonly ignorePermissionErrors?: boolean;
  /** `fsync` for each file and directory. Default: false. */
  readonly flushFiles?: boolean;
  /** A file of equal size and of nearly equal time is left alone, and so is any symlink. Default: false. */
  readonly skipExisting?: boolean;
  /** Called for each attribute that was left as it is. */
  readonly onIgnoredError?: (error: LongshoreError) => void;
  /** Descriptors held for directories. Default: 64. */
  readonly maxOpenDirectories?: number;
  /** Default: what `createSystemCalls` finds. */
  readonly systemCalls?: SystemCalls;
}

/**
 * A directory of this machine to restore into, made if it is not there. All its methods are synchronous.
 * Every entry is opened through the directory that holds it and no symlink is followed, whatever the snapshot says, and
 * whatever lies in the target. Only `path` itself may lead through symlinks.
 */
export function openLocalOutput(path: string, options: LocalOutputOptions = {}): RestoreOutput {
  const root = resolve(path);
  const systemCalls = options.systemCalls ?? createSystemCalls();
  let directories: OpenDirectories | undefined;
  try {
    const created = makeDirectoriesSync(root, { mode: 0o700 }) !== undefined;
    directories = new OpenDirectories(
      systemCalls,
      systemCalls.openRoot(root),
      options.maxOpenDirectories ?? DEFAULT_MAX_OPEN_DIRECTORIES,
    );
    const context = createContext(systemCalls, directories, options);
    const directory = LocalOutputDirectory.root(root, created, context);
    return new LocalOutput(directory, directories, systemCalls.exactTimes);
  } catch (cause) {
    directories?.closeAll();
    if (systemErrorCode(cause) === 'EEXIST') {
      const message = `cannot restore into ${root}: there is a file, not a folder`;
      throw new LongshoreError('ALREADY_EXISTS', message, { path: root, cause });
    }
    throw targetError('restore into', root, cause);
  }
}

function createContext(
  systemCalls: SystemCalls,
  directories: OpenDirectories,
  options: LocalOutputOptions,
): LocalOutputContext {
  return {
    systemCalls,
    directories,
    overwriteDirectories: options.overwriteDirectories ?? true,
    overwriteFiles: options.overwriteFiles ?? true,
    overwriteSymlinks: options.overwriteSymlinks ?? true,
    writeFilesAtomically: options.writeFilesAtomically ?? false,
    writeSparseFiles: options.writeSparseFiles ?? false,
    skipOwners: options.skipOwners ?? false,
    skipPermissions: options.skipPermissions ?? false,
    skipTimes: options.skipTimes ?? false,
    ignorePermissionErrors: options.ignorePermissionErrors ?? true,
    flushFiles: options.flushFiles ?? false,
    skipExisting: options.skipExisting ?? false,
    onIgnoredError: options.onIgnoredError ?? (() => {}),
  };
}

class LocalOutput implements RestoreOutput {
  readonly capabilities: RestoreOutput['capabilities'];
  readonly root: LocalOutputDirectory;
  readonly #directories: OpenDirectories;

  constructor(root: LocalOutputDirectory, directories: OpenDirectories, exactTimes: boolean) {
    this.root = root;
    this.#directories = directories;
    this.capabilities = { exactTimes, parallel: true };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#directories.closeAll();
    return Promise.resolve();
  }
}
