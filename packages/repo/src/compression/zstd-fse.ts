import { StreamDamage } from './stream-damage.ts';

/**
 * A decoding table of finite state entropy. Each state emits a symbol; the next state is its baseline plus
 * the value of so many bits: `symbol << 24 | bits << 16 | baseline`.
 */
export interface FseTable {
  readonly accuracyLog: number;
  readonly states: Uint32Array;
}

/** The table of a single symbol, which takes no bits. */
export function createRunTable(symbol: number): FseTable {
  return { accuracyLog: 0, states: Uint32Array.of(symbol << 24) };
}

/** Builds the table of a distribution (RFC 8878, section 4.1.1). -1 is a probability below one. */
export function createFseTable(probabilities: readonly number[], accuracyLog: number): FseTable {
  const size = 1 << accuracyLog;
  const symbols = new Uint8Array(size);
  const nextState = new Uint16Array(probabilities.length);
  let high = size;
  for (const [symbol, probability] of probabilities.entries()) {
    nextState[symbol] = Math.abs(probability);
    if (probability === -1) symbols[--high] = symbol;
  }
  spreadSymbols(symbols, probabilities, high);
  const states = new Uint32Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state]!;
    const next = nextState[symbol]!++;
    const bits = accuracyLog - (31 - Math.clz32(next));
    states[state] = (symbol << 24) | (bits << 16) | ((next << bits) - size);
  }
  return { accuracyLog, states };
}

function spreadSymbols(symbols: Uint8Array, probabilities: readonly number[], high: number): void {
  const size = symbols.length;
  const step = (size >> 1) + (size >> 3) + 3;
  let position = 0;
  for (const [symbol, probability] of probabilities.entries()) {
    for (let i = 0; i < probability; i++) {
      symbols[position] = symbol;
      do {
        position = (position + step) & (size - 1);
      } while (position >= high);
    }
  }
}

export interface FseDescription {
  readonly table: FseTable;
  /** Bytes that the description takes. */
  readonly length: number;
}

/**
 * Reads a table description from the start of `data`. Fails if it has a symbol above `maxSymbol` or an
 * accuracy above `maxAccuracyLog`.
 */
export function readFseTable(
  data: Uint8Array,
  maxSymbol: number,
  maxAccuracyLog: number,
): FseDescription {
  let bit = 0;
  const peek = (count: number): number => {
    const at = bit >> 3;
    const word = (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8) | ((data[at + 2] ?? 0) << 16);
    return (word >>> (bit & 7)) & ((1 << count) - 1);
  };
  const accuracyLog = 5 + peek(4);
  bit += 4;
  if (accuracyLog > maxAccuracyLog) throw new StreamDamage('table accuracy too high');
  const probabilities: number[] = [];
  let remaining = (1 << accuracyLog) + 1;
  while (remaining > 1) {
    if (probabilities.length > maxSymbol) throw new StreamDamage('too many symbols in table');
    // Values from 0 to `remaining`: the smallest ones take one bit less.
    const bits = 32 - Math.clz32(remaining);
    const shortCount = (1 << bits) - 1 - remaining;
    let value = peek(bits - 1);
    if (value < shortCount) {
      bit += bits - 1;
    } else {
      value = peek(bits);
      if (value >= 1 << (bits - 1)) value -= shortCount;
      bit += bits;
    }
    const probability = value - 1;
    remaining -= Math.abs(probability);
    probabilities.push(probability);
    if (probability !== 0) continue;
    for (let run = 3; run === 3;) {
      run = peek(2);
      bit += 2;
      if (probabilities.length + run > maxSymbol + 1) {
        throw new StreamDamage('too many symbols in table');
      }
      for (let i = 0; i < run; i++) probabilities.push(0);
    }
  }
  const length = (bit + 7) >> 3;
  if (remaining !== 1 || length > data.length) throw new StreamDamage('table is damaged');
  return { table: createFseTable(probabilities, accuracyLog), length };
}
