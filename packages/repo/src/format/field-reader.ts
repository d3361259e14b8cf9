import { decodeBase64 } from '../bytes.ts';
import { parseGoTime, type EpochNanoseconds } from '../clock.ts';
import { CorruptDataError } from '../errors.ts';
import { field } from './go-json.ts';

const INT64_LIMIT = 1n << 63n;

/**
 * Typed access to the members of one stored JSON object. As in Go, a member that is missing or `null` has
 * its type's zero value; one of another type is CORRUPT_DATA naming the source and the member.
 */
export class FieldReader {
  readonly #object: object;
  readonly #source: string;

  constructor(value: unknown, source: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new CorruptDataError(`${source}: not a JSON object`);
    }
    this.#object = value;
    this.#source = source;
  }

  /** The member as it was parsed; undefined if missing or `null`. */
  value(name: string): unknown {
    return field(this.#object, name) ?? undefined;
  }

  string(name: string): string {
    const value = this.value(name) ?? '';
    if (typeof value !== 'string') throw this.error(name, 'not a string');
    return value;
  }

  boolean(name: string): boolean {
    const value = this.value(name) ?? false;
    if (typeof value !== 'boolean') throw this.error(name, 'neither true nor false');
    return value;
  }

  /** An integer of at most 53 bits. */
  integer(name: string): number {
    const value = this.value(name) ?? 0;
    if (!Number.isSafeInteger(value)) throw this.error(name, 'not an integer below 2^53');
    return Number(value);
  }

  /** An integer of 64 bits: Go's durations in nanoseconds. */
  int64(name: string): bigint {
    const value = this.value(name) ?? 0;
    const integer =
      typeof value === 'bigint'
        ? value
        : Number.isSafeInteger(value)
          ? BigInt(Number(value))
          : undefined;
    if (integer === undefined || integer >= INT64_LIMIT || integer < -INT64_LIMIT) {
      throw this.error(name, 'not a 64-bit integer');
    }
    return integer;
  }

  /** Padded base64; empty if missing. */
  bytes(name: string): Uint8Array {
    return decodeBase64(this.string(name), `${this.#source}: ${name}`);
  }

  /** An RFC 3339 time; undefined if missing. */
  time(name: string): EpochNanoseconds | undefined {
    const text = this.string(name);
    return text === '' ? undefined : parseGoTime(text, `${this.#source}: ${name}`);
  }

  /** A list; empty if missing. */
  list(name: string): readonly unknown[] {
    const value = this.value(name) ?? [];
    if (!Array.isArray(value)) throw this.error(name, 'not a list');
    return value as readonly unknown[];
  }

  /** A nested object; a missing one has no members. */
  object(name: string): FieldReader {
    return new FieldReader(this.value(name) ?? {}, `${this.#source}: ${name}`);
  }

  /** Every member with its stored name, in the stored order. */
  entries(): readonly [string, unknown][] {
    return Object.entries(this.#object);
  }

  error(name: string, problem: string): CorruptDataError {
    return new CorruptDataError(`${this.#source}: ${name} is ${problem}`, { field: name });
  }
}
