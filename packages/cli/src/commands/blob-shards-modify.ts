import { resolve } from 'node:path';
import { reshardFolder, type ShardingChanges } from '@longshore/repo/node';
import { expandHome } from '../config/config-paths.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { integer, text, texts } from '../grammar/value-flags.ts';

/** Kopia's default, which changes nothing. */
const UNCHANGED = -1;

export const command: Command = defineCommand({
  summary: 'Move the blobs of a folder to where another layout wants them.',
  details:
    'Nothing may use the repository meanwhile, and until the end it cannot be read. If it is interrupted, the same command again completes it.',
  flags: {
    'i-am-sure-kopia-is-not-running': flag(
      'Needed: says that neither Kopia nor longshore is running on this repository.',
    ),
    path: text('Folder of the repository.', { required: true }),
    'default-shards': text('Lengths of the folder names, "1,3" or "flat".', { default: '' }),
    override: texts('Other lengths for a prefix, "prefix=1,3".'),
    'remove-override': texts('Forget what is said about this prefix.'),
    'unsharded-length': integer('IDs of at most so many characters lie in the folder itself.', {
      default: UNCHANGED,
    }),
    'dry-run': flag('Only show what would be moved.'),
  },
  args: {},
  async run(context, { flags }) {
    const { log, signal } = context;
    const dryRun = flags['dry-run'];
    if (!flags['i-am-sure-kopia-is-not-running']) {
      throw new UsageError(
        'this needs --i-am-sure-kopia-is-not-running, and nothing that uses the repository',
      );
    }
    const changes: ShardingChanges = {
      ...(flags['default-shards'] && {
        shards: parseShards('--default-shards', flags['default-shards']),
      }),
      ...(flags['unsharded-length'] !== UNCHANGED && {
        maxNonShardedLength: parseLength(flags['unsharded-length']),
      }),
      removeOverrides: flags['remove-override'],
      overrides: flags.override.map(parseOverride),
    };
    const root = resolve(context.workingDirectory, expandHome(flags.path, context.env));
    const { moved, unchanged, removedFolders } = await reshardFolder(root, {
      changes,
      dryRun,
      signal,
      onEvent: (event) =>
        context.print(
          event.kind === 'move' ? `mv ${event.from} ${event.to}\n` : `rmdir ${event.path}\n`,
        ),
    });
    log.info(`${dryRun ? 'Would move' : 'Moved'} ${moved} files, ${unchanged} unchanged.`);
    if (!dryRun) log.info(`Removed ${removedFolders} empty folders.`);
  },
});

function parseOverride(given: string): { readonly prefix: string; readonly shards: number[] } {
  const [prefix = '', shards, ...rest] = given.split('=');
  if (shards === undefined || rest.length > 0) {
    throw new UsageError(`--override needs prefix=n1,...,nN, not ${JSON.stringify(given)}`);
  }
  return { prefix, shards: parseShards('--override', shards) };
}

/** `flat`, or lengths separated by commas, of which empty ones do not count. */
function parseShards(name: string, given: string): number[] {
  if (given === 'flat') return [];
  const parts = given.split(',').filter((part) => part !== '');
  if (parts.every((part) => /^\d{1,6}$/.test(part))) return parts.map(Number);
  throw new UsageError(`${name} needs lengths such as 1,3 or "flat", not ${JSON.stringify(given)}`);
}

function parseLength(length: number): number {
  if (length >= 0) return length;
  throw new UsageError('--unsharded-length must not be negative');
}
