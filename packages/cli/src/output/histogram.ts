const BUCKETS = Array.from({ length: 8 }, (_, index) => 10 ** (index + 1));

/** Counts things by the number of digits of their size, up to 100 MB. */
export class SizeHistogram {
  count = 0;
  bytes = 0;
  readonly #counts = BUCKETS.map(() => 0);
  readonly #bytes = BUCKETS.map(() => 0);

  add(size: number): void {
    this.count += 1;
    this.bytes += size;
    const bucket = BUCKETS.findIndex((limit) => size < limit);
    if (bucket < 0) return;
    this.#counts[bucket]! += 1;
    this.#bytes[bucket]! += size;
  }

  lines(format: (bytes: number) => string): readonly string[] {
    return BUCKETS.map((limit, bucket) => {
      const from = format(bucket === 0 ? 0 : BUCKETS[bucket - 1]!);
      const count = String(this.#counts[bucket]).padStart(9);
      return `${count} between ${from} and ${format(limit)} (total ${format(this.#bytes[bucket]!)})`;
    });
  }
}
