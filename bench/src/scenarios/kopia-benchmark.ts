import { parseSize } from '../units.ts';

const RANKED = /^\s*\d+\.\s+(\S+)\s+(.*)$/;
const PLAIN = /^(\S+)\s+(.*)$/;
/** `1.2 GB / second`, `123.4 MB/s`. */
const RATE = /(\d+(?:\.\d+)?)\s*([KMGT]?B)\s*\/\s*s/;

/**
 * Bytes per second by name from what `kopia benchmark` prints. The splitters are taken from the lines printed as they
 * run, for the ranking below cuts numbers off; of the second table of compressors names end in ` (decompress)`.
 */
export function parseKopiaBenchmark(output: string): ReadonlyMap<string, number> {
  const [compressing = '', decompressing = ''] = output.split(/^Decompressing /m);
  const plain = rates(compressing.split('\n'), PLAIN);
  if (plain.size > 0) return plain;
  const found = rates(compressing.split('\n'), RANKED);
  for (const [name, rate] of rates(decompressing.split('\n'), RANKED)) {
    found.set(`${name} (decompress)`, rate);
  }
  return found;
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
