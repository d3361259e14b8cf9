import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  createReadOnlyStorage,
  describeError,
  healRepository,
  type BlobStorage,
  type ContentID,
  type HealEvent,
} from '@longshore/repo';
import { loadConfigFile } from '../config/config-file.ts';
import { expandHome } from '../config/config-paths.ts';
import { openStorage } from '../connection/open-storage.ts';
import { withWritableRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { SilentFailure } from '../exit-codes.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { integer, JSON_FLAGS, text } from '../grammar/value-flags.ts';
import { printJSON } from '../output/json-output.ts';
import { requestsJSON } from '../output/request-line.ts';
import { formatBytes } from '../output/units.ts';
import { reportDamage } from './damage-report.ts';

export const command: Command = defineCommand({
  summary: 'Mend packs that are missing, cut or damaged.',
  details:
    'Bytes come from error correction, where the repository has it, and from a copy of the repository. What nobody has\n' +
    'any more is named: each file of each snapshot. A recovery index that is cut off or damaged is made anew from the\n' +
    'index where no copy has it. A pack is only replaced by a better one, and is read back.',
  flags: {
    from: text('A copy of the repository: its folder, or the connection file of another client.'),
    'read-packs': flag('Read every pack: finds flipped bits too.', { default: true }),
    'dry-run': flag('Say what would be mended.', { short: 'n' }),
    parallel: integer('Packs at once.', { default: 2 }),
    ...JSON_FLAGS,
  },
  args: {},
  showsRequests: true,
  async run(context, { flags }) {
    const { log, progress, signal } = context;
    await withWritableRepository(
      context,
      async ({ repository }) => {
        await using replica =
          flags.from === undefined ? undefined : await openReplica(context, flags.from);
        const onEvent = healProgress(context);
        const { packs, bytesRead } = await healRepository(repository, {
          replica: replica === undefined ? undefined : createReadOnlyStorage(replica),
          readPacks: flags['read-packs'],
          dryRun: flags['dry-run'],
          parallel: Math.max(1, flags.parallel),
          signal,
          onEvent,
        });
        progress.clear();
        const lost = new Set<ContentID>(
          packs.flatMap((pack) => pack.lost.map(({ info }) => info.contentID)),
        );
        const { files, count } = await reportDamage(context, repository, lost);
        const rewritten = packs.filter((pack) => pack.rewritten).length;
        if (flags.json) {
          printJSON(context, flags, {
            packs: packs.map((pack) => ({
              packBlobID: pack.packBlobID,
              problem: pack.problem,
              rewritten: pack.rewritten,
              lostContents: pack.lost.map(({ info }) => info.contentID),
            })),
            bytesRead,
            lostFiles: count,
            files,
            ...requestsJSON(context.requests.counts),
          });
        }
        const doing = flags['dry-run'] ? 'Would mend' : 'Mended';
        log.info(
          `${doing} ${rewritten} of ${packs.length} packs that were not as they should be; read ${formatBytes(bytesRead)}.`,
        );
        if (lost.size === 0) return;
        log.error(`longshore: ${lost.size} contents are lost, and with them ${count} files`);
        throw new SilentFailure('contents are lost');
      },
      { parallel: false },
    );
  },
});

async function openReplica(context: CommandContext, given: string): Promise<BlobStorage> {
  const path = resolve(context.workingDirectory, expandHome(given, context.env));
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const storage = isFolder
    ? ({ type: 'filesystem', config: { path } } as const)
    : loadConfigFile(path, context.env).storage;
  return openStorage(context, storage);
}

function healProgress({ log, progress }: CommandContext): (event: HealEvent) => void {
  let examined = 0;
  let bytes = 0;
  let suspects = 0;
  return (event) => {
    if (event.type === 'listed') {
      ({ suspects } = event);
      log.info(`Looking at ${suspects} of ${event.packs} packs.`);
    } else if (event.type === 'examined') {
      examined += 1;
      bytes += event.bytes;
      progress.update(() => `Read ${examined} of ${suspects} packs (${formatBytes(bytes)})`);
    } else {
      const { packBlobID, problem, rewritten, lost } = event;
      const outcome = rewritten ? (lost.length > 0 ? 'mended in part' : 'mended') : 'not mended';
      const what = problem === 'recovery-index' ? 'recovery index damaged or cut off' : problem;
      log.warning(`pack ${packBlobID}: ${what}, ${outcome}`);
      for (const { info, error } of lost) {
        log.debug(`content ${info.contentID} is lost: ${describeError(error)}`);
      }
    }
  };
}
