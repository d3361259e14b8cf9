/** The message schedule of BLAKE2 (RFC 7693, section 2.7). Rounds beyond the tenth begin again. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/** The message schedule of BLAKE3: one permutation, applied again after each round. */
const BLAKE3_PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

const COLUMNS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
];
const DIAGONALS = [
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

/** How the arithmetic of one word is written: a scalar, or a vector of words of several inputs. */
export interface WordSyntax {
  add(a: string, b: string): string;
  xor(a: string, b: string): string;
  rotateRight(a: string, count: number): string;
}

export interface RoundOptions {
  readonly syntax: WordSyntax;
  readonly schedule: readonly (readonly number[])[];
  readonly rotations: readonly [number, number, number, number];
  /** The expression of message word `index`. */
  readonly message: (index: number) => string;
}

export function blake2Schedule(rounds: number): readonly (readonly number[])[] {
  return Array.from({ length: rounds }, (_, round) => SIGMA[round % SIGMA.length]!);
}

export function blake3Schedule(): readonly (readonly number[])[] {
  const schedule = [Array.from({ length: 16 }, (_, i) => i)];
  while (schedule.length < 7) {
    const last = schedule[schedule.length - 1]!;
    schedule.push(BLAKE3_PERMUTATION.map((from) => last[from]!));
  }
  return schedule;
}

/** All rounds over the locals `v0` to `v15`, unrolled. The order of independent mixes makes no measured difference. */
export function unrolledRounds(options: RoundOptions): string {
  const lines: string[] = [];
  for (const order of options.schedule) {
    lines.push(...halfRound(COLUMNS, order.slice(0, 8), options));
    lines.push(...halfRound(DIAGONALS, order.slice(8), options));
  }
  return lines.map((line) => `    ${line}`).join('\n');
}

function halfRound(
  mixes: readonly (readonly number[])[],
  order: readonly number[],
  { syntax, rotations, message }: RoundOptions,
): readonly string[] {
  const { add, xor, rotateRight } = syntax;
  const [r1, r2, r3, r4] = rotations;
  return mixes.flatMap(([ai, bi, ci, di], i) => {
    const [a, b, c, d] = [`v${ai}`, `v${bi}`, `v${ci}`, `v${di}`];
    return [
      `${a} = ${add(add(a, message(order[2 * i]!)), b)};`,
      `${d} = ${rotateRight(xor(d, a), r1)};`,
      `${c} = ${add(c, d)};`,
      `${b} = ${rotateRight(xor(b, c), r2)};`,
      `${a} = ${add(add(a, message(order[2 * i + 1]!)), b)};`,
      `${d} = ${rotateRight(xor(d, a), r3)};`,
      `${c} = ${add(c, d)};`,
      `${b} = ${rotateRight(xor(b, c), r4)};`,
    ];
  });
}

/** One line per word: `line(0)` to `line(count - 1)`. */
export function eachWord(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, i) => `    ${line(i)}`).join('\n');
}
