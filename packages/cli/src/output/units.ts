const DECIMAL_PREFIXES = ['', 'K', 'M', 'G', 'T', 'P', 'E'];
const BINARY_PREFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** `300 KB`, `1.5 GB`; with powers of 1024 and `KiB` where `KOPIA_BYTES_STRING_BASE_2` asks for it. */
export function formatBytes(
  bytes: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return /^(?:1|t|true)$/i.test(env['KOPIA_BYTES_STRING_BASE_2'] ?? '')
    ? withPrefix(bytes, 1024, BINARY_PREFIXES, 'B')
    : withPrefix(bytes, 1000, DECIMAL_PREFIXES, 'B');
}

/** `1.5 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return withPrefix(bytesPerSecond, 1000, DECIMAL_PREFIXES, 'B/s');
}

/** `1.5 M`: a number of things. */
export function formatCount(count: number): string {
  return withPrefix(count, 1000, DECIMAL_PREFIXES, '');
}

/** The next unit begins at nine tenths of it, as in Kopia: 900 bytes are 0.9 KB. */
function withPrefix(
  value: number,
  thousand: number,
  prefixes: readonly string[],
  unit: string,
): string {
  let scaled = value;
  for (const prefix of prefixes.slice(0, -1)) {
    if (scaled < 0.9 * thousand) return `${niceNumber(scaled)} ${prefix}${unit}`;
    scaled /= thousand;
  }
  return `${niceNumber(scaled)} ${prefixes.at(-1)}${unit}`;
}

/** One decimal at most. */
function niceNumber(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

/** How much smaller packed bytes are: `36.9%`, or `0%` if they are not smaller. */
export function compressionPercent(original: number, packed: number): string {
  return packed >= original ? '0%' : `${(100 * (1 - packed / original)).toFixed(1)}%`;
}
