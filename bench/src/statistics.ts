/** What several measurements of one thing say. */
export interface Summary {
  readonly count: number;
  readonly median: number;
  /** First and third quartile: the spread, without what a busy machine does now and then. */
  readonly low: number;
  readonly high: number;
}

/** Linear between neighbours, as most tools do it. `fraction` 0 to 1; RangeError if there are no values. */
export function quantile(values: readonly number[], fraction: number): number {
  if (values.length === 0) throw new RangeError('no values');
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (position - below);
}

/** RangeError if there are no values. */
export function summarize(values: readonly number[]): Summary {
  return {
    count: values.length,
    median: quantile(values, 0.5),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
  };
}

/**
 * Ours divided by theirs, pair by pair: what slows the machine down for a while slows both of a pair. Values
 * that one side lacks are left out; undefined if there is no pair.
 */
export function pairRatios(
  ours: readonly (number | undefined)[],
  theirs: readonly (number | undefined)[],
): Summary | undefined {
  const ratios: number[] = [];
  for (const [index, our] of ours.entries()) {
    const their = theirs[index];
    if (our !== undefined && their !== undefined && their > 0) ratios.push(our / their);
  }
  return ratios.length === 0 ? undefined : summarize(ratios);
}
