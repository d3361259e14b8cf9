import type { LimitPart, MachineLimit, MachineNote } from './result.ts';
import { formatBytes, formatCount, formatRate } from './units.ts';

/** What a scenario has to move at least; bytes unless it says otherwise. */
export interface Work {
  /** Read from files that are in the page cache. */
  readonly filesRead?: number;
  /** Looked at and read, or made. */
  readonly fileCount?: number;
  /** Only looked at. */
  readonly entryCount?: number;
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
  function count(resource: string, things: number | undefined, rate: number | undefined): void {
    if (things === undefined || things === 0 || rate === undefined) return;
    const reason = `${formatCount(things)} at ${formatCount(rate)} a second`;
    parts.push({ resource, seconds: things / rate, reason });
  }
  count('files', work.fileCount, scaled(rates['filesPerSecond'], cores));
  count('entries', work.entryCount, scaled(rates['entriesPerSecond'], cores));
  const slowest = parts.toSorted((a, b) => b.seconds - a.seconds)[0];
  if (slowest === undefined) return undefined;
  return { resource: slowest.resource, seconds: slowest.seconds, parts };
}

function scaled(rate: number | undefined, cores: number): number | undefined {
  return rate === undefined ? undefined : rate * cores;
}
