const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** Three significant digits, decimal units: `1.07 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${BYTE_UNITS[unit]}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 0.0009995) return `${threeDigits(seconds * 1e6)} us`;
  if (seconds < 0.9995) return `${threeDigits(seconds * 1000)} ms`;
  if (seconds < 119.5) return `${threeDigits(seconds)} s`;
  return `${threeDigits(seconds / 60)} min`;
}

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

export function formatRatio(ratio: number): string {
  return ratio.toFixed(2);
}

function threeDigits(value: number): string {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(3));
  return rounded.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded)))));
}

const SIZE = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KIB|MIB|GIB|TIB)?$/i;

/** Bytes of `20MiB`, `1.5 GB` or `4096`; undefined if it is no size. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text.trim());
  if (!match) return undefined;
  const unit = (match[2] ?? 'B').toUpperCase();
  const base = unit.includes('I') ? 1024 : 1000;
  const power = 'BKMGT'.indexOf(unit[0]!);
  return Math.round(Number(match[1]) * base ** power);
}
