import { LongshoreError, writeSession } from '@longshore/repo';
import {
  changePins,
  findSnapshotReference,
  formatSource,
  updateSnapshot,
} from '@longshore/snapshot';
import { withWritableRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { texts } from '../grammar/value-flags.ts';

export const command: Command = defineCommand({
  summary: 'Keep snapshots whatever policies say, or no longer.',
  details: 'A pinned snapshot is saved again, so that its ID changes.',
  flags: {
    add: texts('Add a pin of this name.'),
    remove: texts('Remove the pin of this name.'),
  },
  args: { id: argumentList('IDs of snapshots or of their roots.', { required: true }) },
  async run(context, { flags, args }) {
    const { log, signal, times } = context;
    const { add, remove } = flags;
    if (add.length + remove.length === 0) {
      throw new UsageError('snapshot pin needs --add or --remove');
    }
    await withWritableRepository(context, async ({ repository }) => {
      await writeSession(repository, { signal }, async (writer) => {
        for (const id of args.id) {
          const { snapshots, path } = await findSnapshotReference(writer, id, { signal });
          if (snapshots.length === 0 || path !== '') {
            throw new LongshoreError(
              'MANIFEST_NOT_FOUND',
              `no snapshot is ${id}, or has it as its root; "longshore snapshot list -a -m" shows all`,
            );
          }
          for (const snapshot of snapshots) {
            const pins = changePins(snapshot.pins, { add, remove });
            const text = `snapshot at ${times.show(snapshot.startTime)} of ${formatSource(snapshot.source)}`;
            log.info(pins === undefined ? `No change for ${text}` : `Updating ${text}`);
            if (pins !== undefined) await updateSnapshot(writer, { ...snapshot, pins });
          }
        }
      });
    });
  },
});
