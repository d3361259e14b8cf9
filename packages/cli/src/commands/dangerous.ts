import type { CommandContext } from '../context.ts';
import { UsageError } from '../grammar/usage-error.ts';

/** Refuses a command that can destroy a repository unless Kopia's switch for that is thrown. */
export function requireDangerousCommands(context: CommandContext, what: string): void {
  if (context.flags['dangerous-commands'] === 'enabled') return;
  throw new UsageError(
    `${what} can destroy backups and is never needed in daily use; to run it all the same add --dangerous-commands=enabled`,
  );
}
