import { packageVersion } from './version.ts';

/** The entry point: answers `--version` without loading anything else. */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && argv[0] === '--version') {
    process.stdout.write(`${packageVersion()}\n`);
    return;
  }
  const { runCommandLine } = await import('./run.ts');
  process.exitCode = await runCommandLine(argv);
}
