import type { LimitPart, MachineLimit, MachineNote } from './result.ts';
import { formatBytes, formatCount, formatRate } from './units.ts';

/** What a scenario has to move at least; bytes unless it says otherwise. */
export interface Work {
  /** Read from files that are in the page cache. */
  readonly filesRead?: number;
  readonly fileCount?: number;
  readonly hashed?: number;
  readonly encrypted?: number;
  /** Written to the disk and synced. */
  readonly diskWritten?: number;
  readonly diskRead?: number;
  /** Written to a file system in memory. */
  readonly memoryWritten?: number;
  readonly network?: number;
  /** Bytes for each second of a network that is slower than the loopback interface. */
  readonly networkRate?: number;
}

/**
 * The time below which nothing can finish: the slowest resource, if everything else happened beside it. Computing is
 * shared by all cores; a disk, the memory and a network are not.
 */
export function machineLimit(work: Work, machine: MachineNote): MachineLimit | undefined {
  const { rates, cores } = machine;
  const parts: LimitPart[] = [];
  function add(resource: string, bytes: number | undefined, rate: number | undefined): void {
    if (bytes === undefined || bytes === 0 || rate === undefined || rate === 0) return;
    const reason = `${formatBytes(bytes)} at ${formatRate(rate)}`;
    parts.push({ resource, seconds: bytes / rate, reason });
  }
  add('reading files', work.filesRead, rates['diskRead']);
  add('hash', work.hashed, scaled(rates['blake2b'], cores));
  add('encryption', work.encrypted, scaled(rates['aes'], cores));
  add('disk', work.diskWritten, rates['diskWrite']);
  add('reading packs', work.diskRead, rates['diskRead']);
  add('memory', work.memoryWritten, rates['memory']);
  add('network', work.network, work.networkRate ?? rates['loopback']);
  const files = scaled(rates['filesPerSecond'], cores);
  if (work.fileCount !== undefined && work.fileCount > 0 && files !== undefined) {
    parts.push({
      resource: 'files',
      seconds: work.fileCount / files,
      reason: `${formatCount(work.fileCount)} files at ${formatCount(files)} a second`,
    });
  }
  const slowest = parts.toSorted((a, b) => b.seconds - a.seconds)[0];
  if (slowest === undefined) return undefined;
  return { resource: slowest.resource, seconds: slowest.seconds, parts };
}

function scaled(rate: number | undefined, cores: number): number | undefined {
  return rate === undefined ? undefined : rate * cores;
}
