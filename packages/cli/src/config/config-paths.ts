import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The configuration file that a flag or variable names. A bare name lies in Kopia's own folder, so that both
 * programs find each other's connections.
 */
export function configFilePath(given: string, env: Environment, workingDirectory: string): string {
  if (basename(given) !== given) return resolve(workingDirectory, given);
  return join(userFolder(env, 'XDG_CONFIG_HOME', '.config'), 'kopia', given);
}

/** Where log files go if nothing else is said. */
export function defaultLogFolder(env: Environment): string {
  return join(userFolder(env, 'XDG_CACHE_HOME', '.cache'), 'longshore');
}

/** Kopia's folder for caches of repositories. */
export function defaultCacheRoot(env: Environment): string {
  return join(userFolder(env, 'XDG_CACHE_HOME', '.cache'), 'kopia');
}

/** Where quickstart keeps its repository. */
export function quickstartFolder(env: Environment): string {
  return join(userFolder(env, 'XDG_DATA_HOME', '.local/share'), 'longshore', 'quickstart');
}

function userFolder(env: Environment, variable: string, below: string): string {
  const folder = env[variable] ?? '';
  if (folder !== '') return resolve(folder);
  const home = env['HOME'] ?? '';
  return join(home === '' ? homedir() : home, below);
}

/** `~` at the start means the home folder. */
export function expandHome(path: string, env: Environment): string {
  if (!path.startsWith('~')) return path;
  const home = env['HOME'] ?? '';
  return (home === '' ? homedir() : home) + path.slice(1);
}
