/** A compressed stream breaks its grammar, a checksum or a bound. Compressors turn it into CORRUPT_DATA. */
export class StreamDamage extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'StreamDamage';
  }
}
