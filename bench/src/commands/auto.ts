import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { openRepository, writeSession } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { DEFAULT_POLICY, getPolicy, GLOBAL_SOURCE, setPolicy } from '@longshore/snapshot';
import { UsageError, type AutoOptions } from '../arguments.ts';
import { propose, rankChoices, type Choice, type Proposal } from '../choices.ts';
import { buildAll } from '../project.ts';
import type { StorageTarget } from '../runners/engine-request.ts';
import { openTarget } from '../runners/engine-storage.ts';
import type { SampleProbe } from '../runners/probe-sample.ts';
import type { StorageProbe } from '../runners/probe-storage.ts';
import { textTable, type Table } from '../table.ts';
import { parseTarget } from '../targets.ts';
import { formatBytes, formatCount, formatRate, formatSeconds } from '../units.ts';
import { askRunner, probeStorage } from './probe.ts';
import type { Output } from './run.ts';

const SHOWN_CHOICES = 12;

/** Measures data, storage and machine, and says what would suit them; `--apply` stores what a policy can hold. */
export async function autoCommand(options: AutoOptions, output: Output): Promise<number> {
  const target = parseTarget(options.target, options.s3);
  if (options.apply && process.env['KOPIA_PASSWORD'] === undefined) {
    throw new UsageError('--apply needs the password of the repository in KOPIA_PASSWORD');
  }
  if (options.build) buildAll();
  output.log('measuring the sample');
  const { answer } = await askRunner('probe-sample', {
    directory: resolve(options.sample),
    maxBytes: options.sampleBytes,
  });
  const sample = answer as SampleProbe;
  output.log('measuring the storage');
  const storage = await probeStorage(target);
  const cores = availableParallelism();
  const choices = rankChoices(sample, storage, cores);
  const proposal = propose(sample, storage, cores);
  output.print(describe(sample, storage, { choices, proposal }));
  if (options.json !== undefined) {
    const result = { cores, sample, storage, proposal, choices };
    writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`);
  }
  if (options.apply) output.print(await apply(target, proposal));
  return 0;
}

function describe(
  sample: SampleProbe,
  storage: StorageProbe,
  { choices, proposal }: { readonly choices: readonly Choice[]; readonly proposal: Proposal },
): string {
  const { choice, workers, parallelUploads, packSize, memoryBytes } = proposal;
  return [
    `sample: ${formatCount(sample.files)} files, ${formatBytes(sample.bytes)}; files have ${formatBytes(sample.averageFileSize)} on average`,
    `storage: a put takes ${formatSeconds(storage.putSeconds)}, a get ${formatSeconds(storage.getSeconds)}; reads ${formatRate(storage.getBytesPerSecond)}`,
    '',
    textTable(algorithmTable(sample)),
    '',
    textTable(putTable(storage)),
    '',
    textTable(choiceTable(choices)),
    '',
    `proposed: ${choice.splitter}, ${choice.hash}, ${choice.encryption}, compression ${choice.compression}`,
    `  ${workers} files at once, ${parallelUploads} uploads at once, packs of ${formatBytes(packSize)}, some ${formatBytes(memoryBytes)} of memory`,
    `  expected: ${formatRate(choice.bytesPerSecond)}, held back by the ${choice.boundBy}; ${formatBytes(choice.storedFraction * 1e9)} and ${Math.ceil(choice.putsPerGB)} packs for each GB`,
    `  a new repository: longshore repository create ... --block-hash=${choice.hash} --encryption=${choice.encryption} --object-splitter=${choice.splitter}`,
    '',
  ].join('\n');
}

function algorithmTable(sample: SampleProbe): Table {
  const rows = [
    ...sample.splitters.map(({ name, bytesPerSecond, uniqueFraction, contents }) => [
      name,
      formatRate(bytesPerSecond),
      `${percent(uniqueFraction)} unique in ${formatCount(contents)} contents`,
    ]),
    ...sample.hashes.map(({ name, bytesPerSecond }) => [name, formatRate(bytesPerSecond), '']),
    ...sample.ciphers.map(({ name, bytesPerSecond }) => [name, formatRate(bytesPerSecond), '']),
    ...sample.compressors
      .filter(({ name }) => name !== 'none')
      .map(({ name, bytesPerSecond, ratio }) => [
        name,
        formatRate(bytesPerSecond),
        `to ${percent(ratio)}`,
      ]),
  ];
  return {
    columns: [
      { name: 'algorithm' },
      { name: 'one thread', align: 'right' },
      { name: 'on this sample' },
    ],
    rows,
  };
}

function putTable({ puts }: StorageProbe): Table {
  return {
    columns: [
      { name: 'packs of', align: 'right' },
      { name: 'at once', align: 'right' },
      { name: 'written', align: 'right' },
    ],
    rows: puts.map(({ packSize, parallelism, bytesPerSecond }) => [
      formatBytes(packSize),
      String(parallelism),
      formatRate(bytesPerSecond),
    ]),
  };
}

function choiceTable(choices: readonly Choice[]): Table {
  return {
    columns: [
      { name: 'splitter' },
      { name: 'hash' },
      { name: 'compression' },
      { name: 'expected', align: 'right' },
      { name: 'held back by' },
      { name: 'stored', align: 'right' },
      { name: 'packs a GB', align: 'right' },
    ],
    rows: choices
      .slice(0, SHOWN_CHOICES)
      .map(
        ({ splitter, hash, compression, bytesPerSecond, boundBy, storedFraction, putsPerGB }) => [
          splitter,
          hash,
          compression,
          formatRate(bytesPerSecond),
          boundBy,
          percent(storedFraction),
          String(Math.ceil(putsPerGB)),
        ],
      ),
  };
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}

/** Sets what a policy holds and leaves everything else of the global policy as it is. */
async function apply(target: StorageTarget, { choice, workers }: Proposal): Promise<string> {
  await using storage = await openTarget(target);
  await using repository = await openRepository({
    storage,
    password: process.env['KOPIA_PASSWORD'] ?? '',
    algorithms: nativeAlgorithms(),
  });
  await writeSession(repository, {}, async (writer) => {
    const policy = (await getPolicy(writer, GLOBAL_SOURCE))?.policy ?? DEFAULT_POLICY;
    await setPolicy(writer, GLOBAL_SOURCE, {
      ...policy,
      compression: { ...policy.compression, compressorName: choice.compression },
      splitter: { ...policy.splitter, algorithm: choice.splitter },
      upload: { ...policy.upload, maxParallelFileReads: workers },
    });
  });
  const { hash } = repository.formatManager.current();
  const fixed = hash === choice.hash ? '' : `; its hash stays ${hash}, for that cannot change`;
  return `the global policy of ${storage.displayName} now says compression ${choice.compression}, splitter ${choice.splitter}, ${workers} files at once${fixed}\n`;
}
