import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, optionalArgument, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { integer, JSON_FLAGS, texts } from '../grammar/value-flags.ts';

const FLAGS = {
  incomplete: flag('Include incomplete snapshots.', { short: 'i' }),
  'human-readable': flag('Show sizes with units.', { default: true }),
  delta: flag('Show how much larger each snapshot is than the one before.', { short: 'd' }),
  'manifest-id': flag('Show the IDs of manifests.', { short: 'm' }),
  retention: flag('Show why snapshots are kept.', { default: true }),
  mtime: flag('Show when the root was modified.'),
  owner: flag('Show who owns the root.'),
  'show-identical': flag('Show identical snapshots one by one.', { short: 'l' }),
  'storage-stats': flag('Walk the snapshots and show what each of them added.'),
  reverse: flag('Show the newest first.'),
  all: flag('Show the snapshots of all users and hosts.', { short: 'a' }),
  'max-results': integer('Show so many of each source; 0: all.', { short: 'n', default: 0 }),
  tags: texts('Only snapshots with this tag, <key>:<value>.'),
  ...JSON_FLAGS,
};

export type SnapshotListFlags = FlagValues<typeof FLAGS>;

export const command: Command = defineCommand({
  summary: 'List snapshots.',
  flags: FLAGS,
  args: { source: optionalArgument('Only snapshots of this path, or of folders above it.') },
  async run(context, { flags, args }) {
    // Loads while the key is derived from the password, which takes as long and needs this thread as little.
    const printing = import('./print-snapshot-list.ts');
    await withRepository(
      context,
      async (connection) => {
        const { printSnapshotList } = await printing;
        await printSnapshotList(context, connection, flags, args.source);
      },
      { recentFormat: true },
    );
  },
});
