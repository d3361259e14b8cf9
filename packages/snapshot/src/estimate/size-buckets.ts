/** Files of a range of sizes: of `minSize` bytes or more, and less than the bucket before. */
export interface SizeBucket {
  readonly minSize: number;
  count: number;
  /** Bytes. */
  totalSize: number;
  /** The first few. */
  readonly examples: { readonly path: string; readonly size: number }[];
}

/** Kopia's: powers of ten from 1 PB down to 1 KB, then everything smaller. */
const LIMITS = [1e15, 1e14, 1e13, 1e12, 1e11, 1e10, 1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 0];

/** Files by size, with some examples of each range. Largest first. */
export class SizeBuckets {
  readonly buckets: readonly SizeBucket[] = LIMITS.map((minSize) => ({
    minSize,
    count: 0,
    totalSize: 0,
    examples: [],
  }));
  readonly #maxExamples: number;

  constructor(maxExamples: number) {
    this.#maxExamples = maxExamples;
  }

  add(path: string, size: number): void {
    const bucket = this.buckets.find(({ minSize }) => size >= minSize);
    if (bucket === undefined) return;
    bucket.count += 1;
    bucket.totalSize += size;
    if (bucket.examples.length < this.#maxExamples) bucket.examples.push({ path, size });
  }
}
