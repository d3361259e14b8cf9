import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeError, writeSession, type Repository } from '@longshore/repo';
import {
  formatSource,
  migratePolicies,
  migrateSnapshots,
  type MigrateEvent,
  type SourceInfo,
} from '@longshore/snapshot';
import { expandHome } from '../config/config-paths.ts';
import { sourceOf } from '../connection/sources.ts';
import { withRepository, withWritableRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { SilentFailure } from '../exit-codes.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { integer, text, texts } from '../grammar/value-flags.ts';
import { maintainIfDue } from '../maintenance/automatic-maintenance.ts';
import { formatBytes } from '../output/units.ts';
import { uploadLog } from '../output/upload-log.ts';
import { allSources } from './all-sources.ts';

const FLAGS = {
  'source-config': text('Connection file of the repository to migrate from.', { required: true }),
  sources: texts('A source to migrate.'),
  all: flag('Migrate all sources.'),
  policies: flag('Migrate policies too.', { default: true }),
  'overwrite-policies': flag('Replace policies that are there.'),
  'latest-only': flag('Migrate the latest snapshot of each source only.'),
  parallel: integer('Sources migrated at once.', { default: 1 }),
  'apply-ignore-rules': flag('Leave out what the policies of this repository exclude.'),
};

export const command: Command = defineCommand({
  summary: 'Copy snapshots from another repository.',
  details:
    'They are uploaded again, with the splitter, compression and encryption of this repository.',
  flags: FLAGS,
  args: {},
  showsRequests: true,
  async run(context, { flags }) {
    if (!flags.all && flags.sources.length === 0) {
      throw new UsageError('snapshot migrate needs --all or --sources');
    }
    context.handleStop();
    const given = expandHome(flags['source-config'], context.env);
    const configFile = resolve(context.workingDirectory, given);
    if (!existsSync(configFile)) throw new UsageError(`--source-config: there is no ${configFile}`);
    await withWritableRepository(
      context,
      (to) =>
        withRepository({ ...context, configFile }, async (from) => {
          const sources = flags.all
            ? await allSources(from.repository, context.signal)
            : flags.sources.map((each) => sourceOf(context, from.identity, each));
          const report = await migrate(context, from.repository, to.repository, sources, flags);
          await maintainIfDue(context, to.repository);
          report.finish();
        }),
      { parallel: true },
    );
  },
});

async function migrate(
  context: CommandContext,
  from: Repository,
  to: Parameters<typeof migrateSnapshots>[1],
  sources: readonly SourceInfo[],
  flags: FlagValues<typeof FLAGS>,
): Promise<MigrationReport> {
  const { log, signal, stopSignal } = context;
  if (flags.policies) {
    await writeSession(to, { signal }, (writer) =>
      migratePolicies(from, writer, {
        ...(flags.all ? {} : { targets: sources }),
        overwrite: flags['overwrite-policies'],
        signal,
        onEvent: ({ type, target }) => {
          const name = formatSource(target);
          log.info(
            type === 'migrated' ? `migrating policy for ${name}` : `policy already set for ${name}`,
          );
        },
      }),
    );
  }
  const report = new MigrationReport(context);
  await migrateSnapshots(from, to, {
    sources,
    latestOnly: flags['latest-only'],
    applyIgnoreRules: flags['apply-ignore-rules'],
    parallel: Math.max(1, flags.parallel),
    signal,
    stopSignal,
    onEvent: (event) => report.onEvent(event),
    log: uploadLog(log),
  });
  context.progress.clear();
  return report;
}

class MigrationReport {
  readonly #context: CommandContext;
  #migrated = 0;
  #failures = 0;
  #bytes = 0;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  onEvent(event: MigrateEvent): void {
    const { log, progress, times } = this.#context;
    if (event.type === 'upload') {
      if (event.event.type === 'bytes-read') this.#bytes += event.event.bytes;
      if (event.event.type === 'entry-failed') {
        log.error(`${formatSource(event.source)}: ${event.event.path}: ${event.event.error}`);
      }
      progress.update(() => `Migrated ${this.#migrated} snapshots, ${formatBytes(this.#bytes)}`);
      return;
    }
    if (event.type === 'source-failed') {
      this.#failures += 1;
      log.error(`longshore: ${formatSource(event.source)}: ${describeError(event.error)}`);
      return;
    }
    const { source, startTime } = event.snapshot;
    const name = `${formatSource(source)} at ${times.show(startTime)}`;
    if (event.type === 'started') log.info(`migrating snapshot of ${name}`);
    else if (event.type === 'existing') log.info(`already migrated ${name}`);
    else if (event.type === 'incomplete') log.debug(`ignoring incomplete ${name}`);
    else if (event.type === 'migrated') {
      this.#migrated += 1;
      if ((event.saved.rootEntry?.summary?.numFailed ?? 0) > 0) this.#failures += 1;
    }
  }

  finish(): void {
    const { log, stopSignal } = this.#context;
    log.info(
      stopSignal.aborted
        ? `Stopped after ${this.#migrated} snapshots; the next run goes on.`
        : `Migrated ${this.#migrated} snapshots (${formatBytes(this.#bytes)}).`,
    );
    if (this.#failures === 0) return;
    throw new SilentFailure(`${this.#failures} sources or snapshots could not be migrated whole`);
  }
}
