import type { CommandContext } from '../context.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { formatBytes } from './units.ts';

/** How fast something was. */
export interface Measurement {
  readonly name: string;
  readonly bytesPerSecond: number;
}

/** Milliseconds of a warm-up, so that what is compiled just in time is compiled. */
const WARM_UP_MS = 50;

/** Bytes per second of `repeat` calls, each of which works on `bytes`. */
export function measure(bytes: number, repeat: number, work: () => void): number {
  const warmUpEnd = performance.now() + WARM_UP_MS;
  do work();
  while (performance.now() < warmUpEnd);
  const start = performance.now();
  for (let i = 0; i < repeat; i++) work();
  const seconds = Math.max((performance.now() - start) / 1000, 1e-9);
  return (bytes * repeat) / seconds;
}

/** Kopia measures on several threads; here one is measured, which is what a comparison needs. */
export function requireOneThread(parallel: number): void {
  if (parallel !== 1) throw new UsageError('--parallel above 1 is not supported by longshore');
}

export function requirePositive(flag: string, value: number): void {
  if (value < 1) throw new UsageError(`${flag} must be 1 or more`);
}

/** The fastest first, in Kopia's table. */
export function printMeasurements(
  context: CommandContext,
  title: string,
  width: number,
  measurements: readonly Measurement[],
): readonly Measurement[] {
  const sorted = measurements.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond);
  context.print(`     ${title.padEnd(width)} Throughput\n${'-'.repeat(65)}\n`);
  for (const [index, { name, bytesPerSecond }] of sorted.entries()) {
    const rank = String(index).padStart(3);
    context.print(`${rank}. ${name.padEnd(width)} ${formatBytes(bytesPerSecond)} / second\n`);
  }
  context.print(`${'-'.repeat(65)}\n`);
  return sorted;
}
