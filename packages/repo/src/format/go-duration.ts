const UNITS = [
  [3_600_000_000_000n, 'h'],
  [60_000_000_000n, 'm'],
] as const;

/** A duration of zero or at least a second as Go prints it: `720h0m0s`, `1m30.5s`, `0s`. Shorter ones have other units in Go. */
export function formatGoDuration(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${formatGoDuration(-nanoseconds)}`;
  let rest = nanoseconds;
  let text = '';
  for (const [unit, letter] of UNITS) {
    if (text !== '' || rest >= unit) text += `${rest / unit}${letter}`;
    rest %= unit;
  }
  const fraction = (rest % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${text}${rest / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}s`;
}
