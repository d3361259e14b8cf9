import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The checkout. */
export const PROJECT_ROOT: string = join(import.meta.dirname, '..', '..');

export type RunnerName =
  | 'child-usage'
  | 'engine'
  | 'estimate'
  | 'kernels'
  | 'longshore-cli'
  | 'probe-sample'
  | 'probe-storage';

/** Compiled programs that the bench runs: what is shipped is measured, not the sources. */
export function runnerPath(name: RunnerName): string {
  return join(PROJECT_ROOT, 'bench', 'dist', 'runners', `${name}.js`);
}

/** Compiles all packages and the runners, as far as their sources changed. */
export function buildAll(): void {
  const compiler = join(PROJECT_ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const project of ['tsconfig.build.json', 'bench/tsconfig.json']) {
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-b', project], {
      cwd: PROJECT_ROOT,
      encoding: 'utf8',
    });
    if (status !== 0) {
      throw new Error(`${project} does not compile (--no-build takes what is there):\n${stdout}`);
    }
  }
}

/** The commit, and `+` if something besides results has changed since. */
export function projectCommit(): string {
  const git = (...parameters: readonly string[]): string =>
    execFileSync('git', parameters, { cwd: PROJECT_ROOT, encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--', 'packages', 'bench/src');
    return git('rev-parse', '--short=12', 'HEAD') + (changed === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}

export function longshoreVersion(): string {
  const path = join(PROJECT_ROOT, 'packages', 'repo', 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** Whether the command has been compiled as far as snapshots. */
export function isCommandBuilt(): boolean {
  const dist = join(PROJECT_ROOT, 'packages', 'cli', 'dist', 'commands');
  return ['snapshot-create', 'snapshot-verify', 'restore'].every((name) =>
    existsSync(join(dist, `${name}.js`)),
  );
}
