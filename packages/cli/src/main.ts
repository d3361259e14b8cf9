import { packageVersion } from './version.ts';

/** The entry point: answers `--version` without loading anything else. */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && argv[0] === '--version') {
    process.stdout.write(`${packageVersion()}\n`);
    return;
  }
  const { runCommandLine } = await import('./run.ts');
  process.exitCode = await runCommandLine(argv);
  // When nothing is left to do, all output included: taking the heap apart first would take up to 0.1 s.
  process.once('beforeExit', () => process.exit());
}
