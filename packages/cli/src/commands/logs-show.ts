import { gunzipSync } from 'node:zlib';
import { createSystemClock, describeError, LongshoreError } from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import {
  isSelective,
  listLogSessions,
  LOG_SELECTION_FLAGS,
  selectLogSessions,
} from './log-sessions.ts';

/** Of one part of a log. Kopia begins a new one long before. */
const MAX_SEGMENT_LENGTH = 256 * 2 ** 20;

export const command: Command = defineCommand({
  summary: 'Show logs that Kopia keeps in the repository, by default the latest.',
  flags: LOG_SELECTION_FLAGS,
  args: { sessions: argumentList('IDs of logs.') },
  async run(context, { flags, args }) {
    const { signal, log } = context;
    await withRepository(context, async ({ repository, storage }) => {
      const all = await listLogSessions(context, storage);
      const selected = selectLogSessions(all, flags, createSystemClock()());
      const named =
        args.sessions.length === 0
          ? selected
          : selected.filter(({ id }) => args.sessions.includes(id));
      if (named.length === 0) throw new LongshoreError('BLOB_NOT_FOUND', 'there are no such logs');
      const shown = isSelective(flags) || args.sessions.length > 0 ? named : named.slice(-1);
      for (const { segments } of shown) {
        for (const { id } of segments) {
          try {
            const sealed = await storage.getBlob(id, { signal });
            const packed = repository.sealer.open(id, sealed);
            context.print(gunzipSync(packed, { maxOutputLength: MAX_SEGMENT_LENGTH }));
          } catch (error) {
            signal.throwIfAborted();
            log.error(`cannot show ${id}: ${describeError(error)}`);
          }
        }
      }
    });
  },
});
