import { parseSize } from '../units.ts';

const RANKED = /^\s*\d+\.\s+(\S+)\s+(.*)$/;
const PLAIN = /^(\S+)\s+(.*)$/;
/** `1.2 GB / second`, `123.4 MB/s`. */
const RATE = /(\d+(?:\.\d+)?)\s*([KMGT]?B)\s*\/\s*s/;

/**
 * Bytes per second by name from what `kopia benchmark` prints. The splitters are taken from the lines printed as they
 * run, for the ranking below cuts numbers off; of compression only the first table is read, that of compressing.
 */
export function parseKopiaBenchmark(output: string): ReadonlyMap<string, number> {
  const lines = output.split('\n');
  const ranked = rates(untilDecompression(lines), RANKED);
  const plain = rates(lines, PLAIN);
  return plain.size > 0 ? plain : ranked;
}

function untilDecompression(lines: readonly string[]): readonly string[] {
  const end = lines.findIndex((line) => line.startsWith('Decompressing'));
  return end < 0 ? lines : lines.slice(0, end);
}

function rates(lines: readonly string[], pattern: RegExp): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of lines) {
    const [, name, rest] = pattern.exec(line) ?? [];
    const rate = RATE.exec(rest ?? '');
    if (name === undefined || rate === null || found.has(name)) continue;
    const bytes = parseSize(`${rate[1]}${rate[2]}`);
    if (bytes !== undefined) found.set(name, bytes);
  }
  return found;
}
