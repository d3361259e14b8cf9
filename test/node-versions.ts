import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runSuccessfully } from './run-program.ts';

/** The oldest Node that the libraries run on. */
export const OLDEST_NODE = 24;

/**
 * A program of {@link OLDEST_NODE}: `NODE24_BIN`, one installed earlier into the cache, or one that npm installs there
 * now. The cache is `LONGSHORE_CACHE`, else `~/.cache/longshore-test`. Undefined, after saying loudly what is not
 * tested, if there is none for this machine.
 */
export async function findOldestNode(what: string): Promise<string | undefined> {
  const given = process.env[`NODE${OLDEST_NODE}_BIN`];
  if (given !== undefined && given !== '') return given;
  const cache = process.env['LONGSHORE_CACHE'] ?? join(homedir(), '.cache', 'longshore-test');
  const folder = join(cache, `node-${OLDEST_NODE}`);
  // The packages behind the package `node`: one for each system and processor.
  const name = `node-${process.platform}-${process.arch}`;
  const program = join(folder, 'node_modules', name, 'bin/node');
  if (existsSync(program)) return program;
  try {
    await mkdir(folder, { recursive: true });
    const quiet = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
    await runSuccessfully(
      'npm',
      ['install', ...quiet, '--prefix', folder, `${name}@${OLDEST_NODE}`],
      { cwd: folder },
    );
    return program;
  } catch (error) {
    console.warn(`SKIPPED: ${what} on Node ${OLDEST_NODE}: ${String(error)}`);
    return undefined;
  }
}
