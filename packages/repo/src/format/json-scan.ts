/** What one look over JSON bytes tells about them, before they are parsed. */
export interface JSONScan {
  /** Deepest nesting of lists and objects. */
  readonly depth: number;
  /** There is a number of 16 or more characters: perhaps an integer beyond 2^53. */
  readonly hasLongInteger: boolean;
  /** A string holds an escape of the form `\ud…`: perhaps a lone surrogate. */
  readonly hasSurrogateEscape: boolean;
  /** Bytes up to and including the first value; the length of the input if that value does not end. */
  readonly firstValueEnd: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LONG_INTEGER_LENGTH = 16;

const MINUS = 0x2d;
const LETTER_U = 0x75;
const LETTER_D = 0x64;

/** Reads structure only: whether the bytes are JSON at all is left to the parser. */
export function scanJSON(bytes: Uint8Array): JSONScan {
  const length = bytes.length;
  let depth = 0;
  let deepest = 0;
  let hasLongInteger = false;
  let hasSurrogateEscape = false;
  let firstValueEnd = -1;
  let i = 0;
  while (i < length) {
    const byte = bytes[i]!;
    i += 1;
    if (byte <= 0x20 || byte === COMMA || byte === COLON) continue;
    if (byte === QUOTE) {
      while (i < length && bytes[i] !== QUOTE) {
        if (bytes[i] === BACKSLASH) {
          i += 1;
          if (bytes[i] === LETTER_U && (bytes[i + 1]! | 0x20) === LETTER_D)
            hasSurrogateEscape = true;
        }
        i += 1;
      }
      i += 1;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      depth -= 1;
    } else {
      const start = byte === MINUS ? i : i - 1;
      while (i < length && isScalarByte(bytes[i]!)) i += 1;
      if (i - start >= LONG_INTEGER_LENGTH) hasLongInteger = true;
    }
    if (depth <= 0 && firstValueEnd < 0) firstValueEnd = Math.min(i, length);
  }
  return {
    depth: deepest,
    hasLongInteger,
    hasSurrogateEscape,
    firstValueEnd: firstValueEnd < 0 ? length : firstValueEnd,
  };
}

/** A byte that may go on a number or a name such as `true`. */
function isScalarByte(byte: number): boolean {
  if (byte >= 0x30 && byte <= 0x39) return true;
  return (
    byte > 0x20 &&
    byte !== QUOTE &&
    byte !== COMMA &&
    byte !== COLON &&
    byte !== OPEN_LIST &&
    byte !== CLOSE_LIST &&
    byte !== OPEN_OBJECT &&
    byte !== CLOSE_OBJECT
  );
}

const ESCAPE_SEQUENCE =
  /\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[dD][89a-fA-F][\da-fA-F]{2}|\\[^]/g;
const LONE_ESCAPE_LENGTH = 6;

/** JSON text in which each escape of half a surrogate pair is `\ufffd`: the same strings that Go reads. */
export function replaceLoneSurrogates(text: string): string {
  return text.replace(ESCAPE_SEQUENCE, (sequence) =>
    sequence.length === LONE_ESCAPE_LENGTH ? '\\ufffd' : sequence,
  );
}

const SPACE = /[\t\n\r ]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const STRING_ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

type Expectation = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end';
type Token = '{' | '}' | '[' | ']' | ':' | ',' | 'string' | 'scalar';

/**
 * Offset, in characters, of the first token that breaks the grammar of JSON; the length of `text` if it
 * ends too early or is well-formed. For messages: engines do not agree on naming the place.
 */
export function findJSONSyntaxError(text: string): number {
  const open: ('}' | ']')[] = [];
  let expected: Expectation | undefined = 'value';
  let offset = matchEnd(SPACE, text, 0);
  while (offset < text.length) {
    const token = tokenAt(text, offset);
    if (token === undefined || (expected === 'comma-or-end' && open.length === 0)) return offset;
    expected = expectAfter(token.kind, expected, open);
    if (expected === undefined) return offset;
    offset = matchEnd(SPACE, text, token.end);
  }
  return offset;
}

function tokenAt(text: string, offset: number): { kind: Token; end: number } | undefined {
  const character = text.charAt(offset);
  switch (character) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',':
      return { kind: character, end: offset + 1 };
    case '"': {
      const end = stringEnd(text, offset + 1);
      return end < 0 ? undefined : { kind: 'string', end };
    }
    default: {
      const end = matchEnd(SCALAR, text, offset);
      return end < 0 ? undefined : { kind: 'scalar', end };
    }
  }
}

function stringEnd(text: string, start: number): number {
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code < 0x20) return -1;
    if (code === BACKSLASH) {
      const end = matchEnd(STRING_ESCAPE, text, i);
      if (end < 0) return -1;
      i = end - 1;
    }
  }
  return -1;
}

function matchEnd(sticky: RegExp, text: string, offset: number): number {
  sticky.lastIndex = offset;
  return sticky.test(text) ? sticky.lastIndex : -1;
}

/** What may follow `token` where `expected` was; undefined if it may not stand there. Keeps `open` current. */
function expectAfter(
  token: Token,
  expected: Expectation,
  open: ('}' | ']')[],
): Expectation | undefined {
  const isValue = expected === 'value' || expected === 'value-or-end';
  switch (token) {
    case 'string':
      if (expected === 'key' || expected === 'key-or-end') return 'colon';
      return isValue ? 'comma-or-end' : undefined;
    case 'scalar':
      return isValue ? 'comma-or-end' : undefined;
    case '{':
      open.push('}');
      return isValue ? 'key-or-end' : undefined;
    case '[':
      open.push(']');
      return isValue ? 'value-or-end' : undefined;
    case ':':
      return expected === 'colon' ? 'value' : undefined;
    case ',':
      if (expected !== 'comma-or-end') return undefined;
      return open.at(-1) === '}' ? 'key' : 'value';
    case '}':
    case ']':
      return mayClose(token, expected) && open.pop() === token ? 'comma-or-end' : undefined;
    default:
      return token satisfies never;
  }
}

function mayClose(token: '}' | ']', expected: Expectation): boolean {
  return (
    expected === 'comma-or-end' || expected === (token === '}' ? 'key-or-end' : 'value-or-end')
  );
}
