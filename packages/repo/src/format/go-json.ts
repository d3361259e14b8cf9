import { compareBytes, encodeBase64, encodeUtf8 } from '../bytes.ts';
import { CorruptDataError, invariant, LongshoreError } from '../errors.ts';
import { decodeGoUtf8, utf8SequenceLength } from './go-utf8.ts';
import { findJSONSyntaxError, replaceLoneSurrogates, scanJSON } from './json-scan.ts';

/** Deepest nesting of lists and objects that is read. Nothing that Kopia stores goes beyond ten. */
export const MAX_NESTING_DEPTH = 1000;

/** JSON text that {@link encodeGoJSON} copies as it is: a payload that was encoded before. */
export class GoRawJSON {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

// All but `"`, `\`, `<`, `>`, `&`, U+2028, U+2029 and what lies below the space.
const NEEDS_ESCAPE = /[^ !#-%'-;=?-[\]-\u2027\u202a-\uffff]/;
const ESCAPED = /[^ !#-%'-;=?-[\]-\u2027\u202a-\uffff]/g;
const SHORT_ESCAPES = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/**
 * A quoted JSON string as Go's encoder writes it. Bytes are taken as UTF-8, each invalid byte becoming
 * the six characters `\ufffd`; a lone surrogate of a string becomes the character U+FFFD itself, which is
 * what Go holds after reading one. Source: docs/format/go-json.md.
 */
export function encodeGoString(value: string | Uint8Array): string {
  if (typeof value !== 'string') return `"${escapeBytes(value)}"`;
  return `"${escapeText(value.isWellFormed() ? value : value.toWellFormed())}"`;
}

function escapeText(text: string): string {
  return NEEDS_ESCAPE.test(text) ? text.replace(ESCAPED, escapeCharacter) : text;
}

function escapeCharacter(character: string): string {
  return (
    SHORT_ESCAPES.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  );
}

function escapeBytes(bytes: Uint8Array): string {
  let escaped = '';
  let start = 0;
  const flush = (end: number): void => {
    if (end > start) escaped += escapeText(decodeGoUtf8(bytes.subarray(start, end)));
  };
  for (let i = 0; i < bytes.length;) {
    const length = utf8SequenceLength(bytes, i);
    if (length === 0) {
      flush(i);
      escaped += '\\ufffd';
      i += 1;
      start = i;
    } else {
      i += length;
    }
  }
  flush(bytes.length);
  return escaped;
}

/**
 * Compact JSON as Go's encoder writes it: keys in the order given, `undefined` properties left out,
 * `bigint` as an integer, bytes as padded base64, a `Map` as an object in its own order.
 */
export function encodeGoJSON(value: unknown): string {
  if (typeof value === 'string') return encodeGoString(value);
  if (value === null || typeof value === 'bigint' || typeof value === 'boolean') {
    return String(value);
  }
  if (typeof value === 'number') {
    invariant(Number.isFinite(value), `JSON cannot hold the number ${value}`);
    return String(value);
  }
  invariant(typeof value === 'object', `JSON cannot hold a value of type ${typeof value}`);
  return encodeStructure(value);
}

function encodeStructure(value: object): string {
  if (Array.isArray(value)) return `[${value.map((item) => encodeGoJSON(item)).join(',')}]`;
  if (value instanceof Uint8Array) return `"${encodeBase64(value)}"`;
  if (value instanceof GoRawJSON) return value.text;
  const entries: Iterable<[string, unknown]> =
    value instanceof Map ? (value as Map<string, unknown>) : Object.entries(value);
  let members = '';
  for (const [key, member] of entries) {
    if (member === undefined) continue;
    if (members !== '') members += ',';
    members += `${encodeGoString(key)}:${encodeGoJSON(member)}`;
  }
  return `{${members}}`;
}

/**
 * The members of a Go map in the order in which Go writes them: by the UTF-8 bytes of the key. A `Map`,
 * because an object would move keys such as `10` to the front.
 */
export function sortedRecord<T>(record: Readonly<Record<string, T>>): Map<string, T> {
  const keyed = Object.entries(record).map(([key, value]) => ({
    key,
    value,
    bytes: encodeUtf8(key),
  }));
  keyed.sort((a, b) => compareBytes(a.bytes, b.bytes));
  return new Map(keyed.map(({ key, value }) => [key, value]));
}

export interface ParseGoJSONOptions {
  /** Stop after the first value and ignore what follows, as Go's stream decoder does. */
  readonly firstValueOnly?: boolean;
}

/**
 * Parses JSON as leniently as Go: invalid UTF-8 and lone surrogates become U+FFFD. Integers beyond 2^53
 * come out as `bigint`. Anything that is not JSON, or nested deeper than {@link MAX_NESTING_DEPTH}, is
 * CORRUPT_DATA naming `what` and the offset; the text itself never enters the message.
 */
export function parseGoJSON(
  bytes: Uint8Array,
  what: string,
  options: ParseGoJSONOptions = {},
): unknown {
  const scan = scanJSON(bytes);
  if (scan.depth > MAX_NESTING_DEPTH) {
    throw new CorruptDataError(`${what}: JSON nested deeper than ${MAX_NESTING_DEPTH} levels`);
  }
  const end = options.firstValueOnly === true ? scan.firstValueEnd : bytes.length;
  let text = decodeGoUtf8(end === bytes.length ? bytes : bytes.subarray(0, end));
  if (scan.hasSurrogateEscape) text = replaceLoneSurrogates(text);
  try {
    return scan.hasLongInteger ? JSON.parse(text, reviveLongInteger) : JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const offset = encodeUtf8(text.slice(0, findJSONSyntaxError(text))).length;
    throw new CorruptDataError(`${what}: not valid JSON at offset ${offset}`, { offset });
  }
}

function reviveLongInteger(
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isInteger(value)) {
    return value;
  }
  const source = context?.source;
  if (source === undefined) {
    throw new LongshoreError(
      'UNSUPPORTED',
      'this JavaScript engine cannot read JSON integers beyond 2^53 without loss',
    );
  }
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/**
 * A member of parsed JSON, found as Go finds it: by the exact key, else ignoring case. Undefined if there
 * is none, or if `object` is not an object.
 */
export function field(object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return undefined;
  if (Object.hasOwn(object, name)) return (object as Record<string, unknown>)[name];
  let found: unknown;
  let folded: string | undefined;
  for (const key in object) {
    if (key.length !== name.length) continue;
    folded ??= name.toLowerCase();
    if (key.toLowerCase() === folded) found = (object as Record<string, unknown>)[key];
  }
  return found;
}
