import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { EstimateOptions } from '../arguments.ts';
import { estimateCosts, type Cost } from '../daily-cost.ts';
import { buildAll } from '../project.ts';
import type { FormatChoice } from '../runners/engine-request.ts';
import type { EstimateAnswer } from '../runners/estimate.ts';
import { textTable } from '../table.ts';
import { parseTarget } from '../targets.ts';
import { formatBytes, formatCount, formatSeconds } from '../units.ts';
import { askRunner, probeStorage } from './probe.ts';
import type { Output } from './run.ts';

/** Says what snapshots of a folder would cost. The folder is read to its last byte; nothing is written. */
export async function estimateCommand(options: EstimateOptions, output: Output): Promise<number> {
  const { compression, hash, splitter, changedPercent } = options;
  const target = options.target === undefined ? undefined : parseTarget(options.target, options.s3);
  if (options.build) buildAll();
  const format: FormatChoice = {
    ...(compression === undefined ? {} : { compression }),
    ...(hash === undefined ? {} : { hash }),
    ...(splitter === undefined ? {} : { splitter }),
  };
  const directory = resolve(options.directory);
  output.log(`reading ${directory}`);
  const asked = await askRunner('estimate', { directory, format });
  const answer = asked.answer as EstimateAnswer;
  if (target !== undefined) output.log('measuring the storage');
  const storage = target === undefined ? undefined : await probeStorage(target);
  const costs = estimateCosts(answer, {
    changedPercent,
    ...(storage === undefined ? {} : { storage }),
  });
  const { first } = answer;
  const table = textTable({
    columns: [
      { name: 'snapshot' },
      { name: 'read', align: 'right' },
      { name: 'stored', align: 'right' },
      { name: 'packs', align: 'right' },
      { name: 'requests', align: 'right' },
      { name: 'time', align: 'right' },
    ],
    rows: [row('first', costs.first), row('each day', costs.daily)],
  });
  output.print(
    [
      `${formatCount(first.files)} files in ${formatCount(first.folders)} folders, ${formatBytes(first.bytes)}`,
      table,
      `each day ${formatCount(costs.changedFiles)} files with ${formatBytes(costs.changedBytes)} change${changedPercent === undefined ? `, by the times of the last ${answer.changes.days} days` : ''}; at most all of their bytes are new`,
      storage === undefined
        ? 'times are without a storage; --target measures one'
        : 'times are with the storage as it was measured',
      ...(asked.peakBytes === undefined ? [] : [`peak memory ${formatBytes(asked.peakBytes)}`]),
      '',
    ].join('\n'),
  );
  if (options.json !== undefined) {
    writeFileSync(
      options.json,
      `${JSON.stringify({ ...costs, measured: answer }, undefined, 2)}\n`,
    );
  }
  return 0;
}

function row(name: string, cost: Cost): readonly string[] {
  return [
    name,
    formatBytes(cost.readBytes),
    formatBytes(cost.storedBytes),
    formatCount(cost.packs),
    formatCount(cost.requests),
    formatSeconds(cost.seconds),
  ];
}
