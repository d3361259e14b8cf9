import { writeSession } from '@longshore/repo';
import { copyHistory, formatSource, type SourceInfo } from '@longshore/snapshot';
import { sourceOf } from '../connection/sources.ts';
import { withWritableRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import {
  defineCommand,
  optionalArgument,
  requiredArgument,
  type Command,
} from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { maintainIfDue } from '../maintenance/automatic-maintenance.ts';

/** `copy-history` and `move-history`. */
export function historyCommand(kind: 'copy' | 'move'): Command {
  const action = kind === 'copy' ? 'Copy' : 'Move';
  return defineCommand({
    summary: `${action} the history of another user, host or folder.`,
    details:
      'Source and destination are user@host, @host or user@host:/path. Parts that the destination names replace those\n' +
      'of the source. It may not name a user or a path where the source names none.',
    flags: {
      'dry-run': flag('Say what would happen, and change nothing.', { short: 'n' }),
    },
    args: {
      source: requiredArgument('Whose history.'),
      destination: optionalArgument('Whose it becomes; default: that of this user and host.'),
    },
    async run(context, { flags, args }) {
      const { signal } = context;
      await withWritableRepository(context, async ({ repository, identity }) => {
        const from = sourceOf(context, identity, args.source);
        const to =
          args.destination === undefined
            ? { host: identity.hostName, userName: identity.userName, path: '' }
            : sourceOf(context, identity, args.destination);
        await writeSession(repository, { signal }, (writer) =>
          copyHistory(writer, {
            from,
            to,
            move: kind === 'move',
            dryRun: flags['dry-run'],
            signal,
            onEvent: ({ type, snapshot, to: target }) => {
              const text = describe(context, snapshot.startTime, target);
              if (type === 'existing') context.log.info(`${text} already exists`);
              else {
                const doing = flags['dry-run']
                  ? `would ${kind}`
                  : kind === 'copy'
                    ? 'copying'
                    : 'moving';
                const source = formatSource(snapshot.source);
                context.log.info(`${doing} ${source} => ${text}`);
              }
            },
          }),
        );
        await maintainIfDue(context, repository);
      });
    },
  });
}

function describe({ times }: CommandContext, startTime: bigint, source: SourceInfo): string {
  return `${formatSource(source)} (${times.show(startTime)})`;
}
