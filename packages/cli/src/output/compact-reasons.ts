const KINDS = ['latest', 'hourly', 'daily', 'weekly', 'monthly', 'annual'];

/** Runs of one kind joined, in Kopia's order: `latest-1..3`, `daily-1`. */
export function compactReasons(reasons: readonly string[]): readonly string[] {
  const numbers = new Map<string, number[]>();
  const others: string[] = [];
  for (const reason of reasons) {
    const [, kind, digits] = /^(.*)-(\d+)$/.exec(reason) ?? [];
    if (kind === undefined || digits === undefined) others.push(reason);
    else numbers.set(kind, [...(numbers.get(kind) ?? []), Number(digits)]);
  }
  const kinds = [...numbers.keys()].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return [...others, ...kinds.flatMap((kind) => runs(kind, numbers.get(kind) ?? []))];
}

function rank(kind: string): number {
  return KINDS.indexOf(kind);
}

function runs(kind: string, numbers: readonly number[]): readonly string[] {
  const joined: { first: number; last: number }[] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const run = joined.at(-1);
    if (run !== undefined && number === run.last + 1) run.last = number;
    else joined.push({ first: number, last: number });
  }
  return joined.map(({ first, last }) =>
    first === last ? `${kind}-${first}` : `${kind}-${first}..${last}`,
  );
}
