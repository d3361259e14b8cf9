import { writeSession } from '@longshore/repo';
import {
  applyRetention,
  expiredSnapshots,
  formatSource,
  getEffectivePolicy,
  listSnapshots,
  timeZoneOffset,
  type SourceInfo,
} from '@longshore/snapshot';
import { sourceOf } from '../connection/sources.ts';
import { withWritableRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { maintainIfDue } from '../maintenance/automatic-maintenance.ts';
import { allSources } from './all-sources.ts';

export const command: Command = defineCommand({
  summary: 'Delete snapshots that no policy keeps.',
  flags: {
    all: flag('Of all sources.'),
    delete: flag('Delete, rather than say how many would be deleted.'),
  },
  args: { path: argumentList('Sources.') },
  showsRequests: true,
  async run(context, { flags, args }) {
    const { log, signal } = context;
    await withWritableRepository(context, async ({ repository, identity }) => {
      const sources = flags.all
        ? await allSources(repository, signal)
        : args.path.map((text) => sourceOf(context, identity, text));
      const zone = timeZoneOffset(new Intl.DateTimeFormat().resolvedOptions().timeZone);
      await writeSession(repository, { signal }, async (writer) => {
        for (const source of [...sources].sort(bySourceName)) {
          const name = formatSource(source);
          const { policy } = await getEffectivePolicy(writer, source, { signal });
          const expired = flags.delete
            ? await applyRetention(writer, source, zone, { signal })
            : expiredSnapshots(
                await listSnapshots(writer, source, { signal }),
                policy.retention,
                zone,
              );
          if (expired.length === 0) log.info(`Nothing to delete for ${name}.`);
          else if (flags.delete) log.info(`Deleted ${expired.length} snapshots of ${name}.`);
          else {
            log.info(
              `${expired.length} snapshot(s) of ${name} would be deleted (pass --delete to confirm).`,
            );
          }
        }
      });
      await maintainIfDue(context, repository);
    });
  },
});

function bySourceName(a: SourceInfo, b: SourceInfo): number {
  return formatSource(a) < formatSource(b) ? -1 : 1;
}
