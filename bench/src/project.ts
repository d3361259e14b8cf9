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

/**
 * Set: programs run from the sources. For tests, which must not depend on a build; stripping types costs time and
 * memory in each process and thread, so that figures mean nothing.
 */
const SOURCES_VARIABLE = 'LONGSHORE_BENCH_SOURCES';

/** For Node, to run one of the programs that the bench measures: compiled, as what is shipped is. */
export function runnerParameters(name: RunnerName): readonly string[] {
  const folder = join(PROJECT_ROOT, 'bench');
  return fromSources()
    ? ['--conditions=longshore-source', join(folder, 'src', 'runners', `${name}.ts`)]
    : [join(folder, 'dist', 'runners', `${name}.js`)];
}

function fromSources(): boolean {
  return (process.env[SOURCES_VARIABLE] ?? '') !== '';
}

/** Compiles all packages and the runners, as far as their sources changed, and bundles the command. */
export function buildAll(): void {
  if (fromSources()) return;
  const compiler = join(PROJECT_ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const step of [
    [compiler, '-b', 'tsconfig.build.json'],
    [compiler, '-b', 'bench/tsconfig.json'],
    [join(PROJECT_ROOT, 'tools', 'bundle-command.ts')],
  ]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, step, {
      cwd: PROJECT_ROOT,
      encoding: 'utf8',
    });
    if (status !== 0) {
      throw new Error(
        `${step.join(' ')} fails (--no-build takes what is there):\n${stdout}${stderr}`,
      );
    }
  }
}

function git(...parameters: readonly string[]): string {
  return execFileSync('git', parameters, { cwd: PROJECT_ROOT, encoding: 'utf8' }).trim();
}

/** The last commit of what is measured, and `+` if that has changed since: pages and results do not count. */
export function projectCommit(): string {
  const measured = ['--', 'packages', 'bench/src'];
  try {
    const changed = git('status', '--porcelain', ...measured);
    return (
      git('log', '-1', '--abbrev=12', '--format=%h', ...measured) + (changed === '' ? '' : '+')
    );
  } catch {
    return 'unknown';
  }
}

export function longshoreVersion(): string {
  const path = join(PROJECT_ROOT, 'packages', 'repo', 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** Whether the command has been built. */
export function isCommandBuilt(): boolean {
  return existsSync(join(PROJECT_ROOT, 'packages', 'cli', 'bundle', 'main.js'));
}
