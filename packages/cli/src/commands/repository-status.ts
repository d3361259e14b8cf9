import { statfsSync } from 'node:fs';
import { createIndexInspector, encodeGoJSON, LongshoreError } from '@longshore/repo';
import { clientJSON, type StorageConfig } from '../config/connection-config.ts';
import { encodeConnectionToken } from '../config/connection-token.ts';
import { errnoOf } from '../config/errno.ts';
import type { CommandContext } from '../context.ts';
import { withRepository, type Connection } from '../connection/with-repository.ts';
import { withoutSecrets } from '../connection/storage-settings.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { JSON_FLAGS } from '../grammar/value-flags.ts';
import { blobRetentionJSON, contentFormatJSON } from '../output/format-json.ts';
import { indentJSON } from '../output/indent-json.ts';
import { printJSON } from '../output/json-output.ts';
import { formatBytes } from '../output/units.ts';

/** Where the text of a setting begins. */
const LABEL_WIDTH = 21;

export const command: Command = defineCommand({
  summary: 'Show the connection and the repository.',
  flags: {
    'reconnect-token': flag('Show a token with which another machine can connect.', { short: 't' }),
    'reconnect-token-with-password': flag('Put the password into the token.', { short: 's' }),
    ...JSON_FLAGS,
  },
  args: {},
  async run(context, { flags }) {
    await withRepository(context, async (connection) => {
      if (flags.json) {
        printJSON(context, flags, statusJSON(context, connection));
        return;
      }
      printStatus(context, connection, await writeEpoch(context, connection));
      if (!flags['reconnect-token']) return;
      const password = flags['reconnect-token-with-password'] ? connection.password : '';
      const token = encodeConnectionToken({ storage: connection.config.storage, password });
      context.print(
        `\nTo connect another machine:\n\n$ longshore repository connect from-config --token ${token}\n`,
      );
      if (password !== '') {
        context.log.warning(
          'The token holds the password for everybody who sees it: keep it safe.',
        );
      }
    });
  },
});

function statusJSON(context: CommandContext, connection: Connection): object {
  const { repository, config } = connection;
  const { formatManager } = repository;
  const format = formatManager.current();
  const { type } = config.storage;
  return {
    configFile: context.configFile,
    uniqueIDHex: repository.uniqueID,
    clientOptions: clientJSON({ ...config.client, description: descriptionOf(connection) }),
    storage: { type, config: withoutSecrets(config.storage.config) },
    volume: volumeOf(config.storage),
    contentFormat: contentFormatJSON(format),
    objectFormat: { splitter: format.splitter },
    blobRetention: blobRetentionJSON(formatManager.blobConfiguration),
  };
}

function descriptionOf({ config, storage }: Connection): string {
  return config.client.description || `Repository in ${storage.displayName}`;
}

async function writeEpoch(
  { signal }: CommandContext,
  { repository, storage }: Connection,
): Promise<number | undefined> {
  const { formatManager } = repository;
  return (await createIndexInspector({ storage, formatManager })).writeEpoch({ signal });
}

function printStatus(
  context: CommandContext,
  connection: Connection,
  epoch: number | undefined,
): void {
  const { repository, config } = connection;
  const { client, storage } = config;
  const { formatManager } = repository;
  const format = formatManager.current();
  const volume = volumeOf(storage);
  const settings = indentJSON(
    encodeGoJSON(withoutSecrets(storage.config)),
    '  ',
    ' '.repeat(LABEL_WIDTH),
  );
  const lines: readonly (readonly [string, unknown] | undefined)[] = [
    ['Config file', context.configFile],
    undefined,
    ['Description', descriptionOf(connection)],
    ['Hostname', client.hostname],
    ['Username', client.username],
    ['Read-only', client.readonly],
    [
      'Format blob cache',
      client.formatBlobCacheDuration > 0n
        ? formatGoDuration(client.formatBlobCacheDuration)
        : 'disabled',
    ],
    undefined,
    ['Storage type', storage.type],
    ['Storage capacity', volume === undefined ? 'unbounded' : formatBytes(volume.capacity)],
    ...(volume === undefined
      ? []
      : [['Storage available', formatBytes(volume.available)] as const]),
    ['Storage config', settings],
    undefined,
    ['Unique ID', repository.uniqueID],
    ['Hash', format.hash],
    ['Encryption', format.encryption],
    ...(format.ecc === undefined
      ? []
      : [['Error correction', `${format.ecc.algorithm} ${format.ecc.overheadPercent}%`] as const]),
    ['Splitter', format.splitter],
    ['Format version', format.version],
    ['Content compression', format.indexVersion >= 2],
    ['Password changes', format.enablePasswordChange],
    ...(format.requiredFeatures.length === 0
      ? []
      : [
          [
            'Required Features',
            format.requiredFeatures.map(({ feature }) => feature).join(' '),
          ] as const,
        ]),
    ['Max pack length', formatBytes(format.maxPackSize)],
    ['Index Format', `v${format.indexVersion}`],
  ];
  for (const line of lines) {
    if (line === undefined) context.print('\n');
    else context.print(`${`${line[0]}:`.padEnd(LABEL_WIDTH)}${String(line[1])}\n`);
  }
  printEpochs(context, format.epochParameters, epoch);
  const retention = formatManager.blobConfiguration;
  if (retention !== undefined) {
    context.print(`\nBlob retention mode:     ${retention.mode}\n`);
    context.print(`Blob retention period:   ${formatGoDuration(retention.periodNanoseconds)}\n`);
  }
}

function printEpochs(
  context: CommandContext,
  epochs: ReturnType<Connection['repository']['formatManager']['current']>['epochParameters'],
  epoch: number | undefined,
): void {
  if (!epochs.enabled) {
    context.print('Epoch Manager:       disabled\n');
    return;
  }
  const size = formatBytes(epochs.epochAdvanceOnTotalSizeBytesThreshold);
  context.print(
    `\nEpoch Manager:       enabled\nCurrent Epoch: ${epoch}\n\n` +
      `Epoch refresh frequency: ${formatGoDuration(epochs.epochRefreshFrequency)}\n` +
      `Epoch advance on:        ${epochs.epochAdvanceOnCountThreshold} blobs or ${size}, minimum ${formatGoDuration(epochs.minEpochDuration)}\n` +
      `Epoch cleanup margin:    ${formatGoDuration(epochs.cleanupSafetyMargin)}\n` +
      `Epoch range-compaction every: ${epochs.fullCheckpointFrequency} epochs\n`,
  );
}

/** Bytes of the file system that holds the repository; undefined for a storage without limits. */
function volumeOf({
  type,
  config,
}: StorageConfig): { readonly capacity: number; readonly available: number } | undefined {
  if (type !== 'filesystem') return undefined;
  const path = String(config['path']);
  try {
    const { bsize, blocks, bavail } = statfsSync(path);
    return { capacity: blocks * bsize, available: bavail * bsize };
  } catch (cause) {
    throw new LongshoreError('STORAGE_FAILED', `cannot examine ${path} (${errnoOf(cause)})`, {
      path,
      cause,
    });
  }
}
