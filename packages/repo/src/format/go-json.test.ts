import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../bytes.ts';
import { CorruptDataError } from '../errors.ts';
import {
  encodeGoJSON,
  encodeGoString,
  field,
  GoRawJSON,
  MAX_NESTING_DEPTH,
  parseGoJSON,
  sortedRecord,
} from './go-json.ts';

const parse = (text: string): unknown => parseGoJSON(encodeUtf8(text), 'test');

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

function failureOf(text: string): unknown {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The string encoder of Go, one code point at a time: slow and plain. */
function referenceString(text: string): string {
  let json = '"';
  for (const character of text.toWellFormed()) {
    const code = character.codePointAt(0)!;
    const short = { 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' }[code];
    if (short !== undefined) json += `\\${short}`;
    else if (code < 0x20 || [0x3c, 0x3e, 0x26, 0x2028, 0x2029].includes(code)) {
      json += `\\u${code.toString(16).padStart(4, '0')}`;
    } else json += character;
  }
  return `${json}"`;
}

describe('encodeGoString', () => {
  it.each([
    ['plain', '"plain"'],
    ['"\\/', '"\\"\\\\/"'],
    ['\b\f\n\r\t', '"\\b\\f\\n\\r\\t"'],
    ['\0\u0001\u001f\u007f', '"\\u0000\\u0001\\u001f\u007f"'],
    ["<a href='x'>&", '"\\u003ca href=\'x\'\\u003e\\u0026"'],
    ['\u2027\u2028\u2029\u202a', '"\u2027\\u2028\\u2029\u202a"'],
    ['grüße 😀 \ufffd', '"grüße 😀 \ufffd"'],
    ['\ud83d', '"\ufffd"'],
  ])('writes %j as Go does', (text, json) => {
    expect(encodeGoString(text)).toBe(json);
    expect(encodeGoString(encodeUtf8(text))).toBe(json);
  });

  it.each([
    ['a lone byte', [0x61, 0xff, 0x62], '"a\\ufffdb"'],
    ['each byte of a truncated sequence', [0xe2, 0x82], '"\\ufffd\\ufffd"'],
    ['overlong forms', [0xc0, 0x80, 0xe0, 0x80, 0x80], `"${'\\ufffd'.repeat(5)}"`],
    ['encoded surrogates', [0xed, 0xa0, 0x80], `"${'\\ufffd'.repeat(3)}"`],
    ['values beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80], `"${'\\ufffd'.repeat(4)}"`],
    ['only the bad byte before a good sequence', [0xe2, 0xc3, 0xa9, 0x3c], '"\\ufffdé\\u003c"'],
    ['nothing of a genuine U+FFFD', [0xef, 0xbf, 0xbd], '"\ufffd"'],
    ['a byte order mark as a character', [0xef, 0xbb, 0xbf], '"\ufeff"'],
  ])('escapes %s', (_what, bytes, json) => {
    expect(encodeGoString(Uint8Array.from(bytes))).toBe(json);
  });

  it('equals a plain reference for any text and survives parsing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = encodeGoString(text);
        expect(json).toBe(referenceString(text));
        expect(encodeGoString(encodeUtf8(text))).toBe(json);
        expect(parse(json)).toBe(text.toWellFormed());
      }),
    );
  });

  it('turns any bytes into JSON that reads as the text Go would read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const raw = bytes.filter((byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c);
        const quoted = Uint8Array.of(0x22, ...raw, 0x22);
        expect(parse(encodeGoString(raw))).toBe(parseGoJSON(quoted, 'test'));
      }),
    );
  });
});

describe('encodeGoJSON', () => {
  it('keeps the order of keys, leaves out undefined and writes big integers and bytes', () => {
    const value = {
      z: 1,
      a: undefined,
      n: null,
      big: 2n ** 63n - 1n,
      bytes: Uint8Array.of(0, 255),
      list: [true, 'x<', new GoRawJSON('{"raw":  1}')],
    };
    expect(encodeGoJSON(value)).toBe(
      '{"z":1,"n":null,"big":9223372036854775807,"bytes":"AP8=","list":[true,"x\\u003c",{"raw":  1}]}',
    );
  });

  it('writes maps sorted by the bytes of the key, digits and astral characters included', () => {
    const record = { b: 1, '10': 2, '9': 3, '😀': 4, '～': 5, a: 6 };
    expect(encodeGoJSON(sortedRecord(record))).toBe('{"10":2,"9":3,"a":6,"b":1,"～":5,"😀":4}');
  });

  it.each([Number.NaN, Infinity, undefined, () => 0])('refuses %s', (value) => {
    expect(() => encodeGoJSON([value])).toThrow(/JSON cannot hold/);
  });

  it('is undone by parseGoJSON for any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const expected = parse(JSON.stringify(value));
        expect(parse(encodeGoJSON(expected))).toEqual(expected);
      }),
    );
  });
});

describe('parseGoJSON', () => {
  it.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['-9223372036854775808', -9223372036854775808n],
    ['18446744073709551615', 18446744073709551615n],
    ['"12345678901234567890"', '12345678901234567890'],
    ['[1,{"a":12345678901234567891}]', [1, { a: 12345678901234567891n }]],
    ['1e30', 1e30],
    ['0.12345678901234567890', 0.12345678901234568],
  ])('reads %s without loss', (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it('reads any integer exactly, whatever stands around it', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
        fc.string(),
        (integer, text) => {
          const [, read] = parse(`[${JSON.stringify(text)},${integer}]`) as [
            string,
            number | bigint,
          ];
          expect(BigInt(read)).toBe(integer);
        },
      ),
    );
  });

  it.each([
    [[0x22, 0xff, 0x22], '\ufffd'],
    [[0x22, 0xe2, 0x82, 0x22], '\ufffd\ufffd'],
    [[...encodeUtf8('"\\ud800"')], '\ufffd'],
    [[...encodeUtf8('"\\ud83d\\ude00"')], '😀'],
    [[...encodeUtf8('"\\ud83d\\ud83d\\ude00\\uDE00"')], '\ufffd😀\ufffd'],
    [[...encodeUtf8('"\\\\ud800"')], '\\ud800'],
  ])('replaces what is not Unicode: %j', (bytes, value) => {
    expect(parseGoJSON(Uint8Array.from(bytes), 'test')).toBe(value);
  });

  it.each([
    ['', 0],
    ['  ', 2],
    ['{', 1],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['[1 2]', 3],
    ['[1,]', 3],
    ['[1}', 2],
    ['{]', 1],
    ['nul', 0],
    ['01', 1],
    ['"a\nb"', 0],
    ['"\\x"', 0],
    ['"ü" x', 5],
    ['{"a":1} {"b":2}', 8],
    ['1 2', 2],
    ['{"a":1}]', 7],
    ['\ufeff1', 0],
  ])('refuses %j at its offset without quoting it', (text, offset) => {
    const caught = failureOf(text);
    expect(caught).toBeInstanceOf(CorruptDataError);
    expect(caught).toMatchObject({
      message: `test: not valid JSON at offset ${offset}`,
      facts: { offset },
    });
    expect(caught).not.toHaveProperty('cause');
  });

  it.each([
    ['{"a":[1]} garbage', { a: [1] }],
    ['  {"a":"}"}{"b":2}', { a: '}' }],
    ['"x\\"y"z', 'x"y'],
    ['12 13', 12],
    ['12"a"', 12],
    ['true,', true],
    ['null[', null],
    ['[]]', []],
    ['{"a":12345678901234567890}\u0000', { a: 12345678901234567890n }],
  ])('reads the first value of %j if asked to', (text, value) => {
    const bytes = encodeUtf8(text);
    expect(parseGoJSON(bytes, 'test', { firstValueOnly: true })).toEqual(value);
    expect(() => parseGoJSON(bytes, 'test')).toThrow(CorruptDataError);
  });

  it('bounds nesting', () => {
    expect(parse(nested(MAX_NESTING_DEPTH))).toHaveLength(1);
    expect(() => parse(nested(MAX_NESTING_DEPTH + 1))).toThrow(CorruptDataError);
    expect(() => parse('{"a":'.repeat(1_000_000))).toThrow(CorruptDataError);
  });

  it('gives any other bytes a value or CORRUPT_DATA, nothing else', () => {
    const corrupt = new CorruptDataError('none');
    const alphabet = fc.constantFrom(...Array.from('{}[]:,"\\ud8 \n-01e.truefalsné\ud800'));
    fc.assert(
      fc.property(fc.string({ unit: alphabet }), (text) => {
        expect(failureOf(text) ?? corrupt).toBeInstanceOf(CorruptDataError);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('field', () => {
  it('prefers the exact key, then ignores case, then is undefined', () => {
    const object = parse('{"NAME":1,"name":2,"Other":3,"oTHER":4,"x":5,"x":6}');
    expect(field(object, 'name')).toBe(2);
    expect(field(object, 'other')).toBe(4);
    expect(field(object, 'x')).toBe(6);
    expect(field(object, 'missing')).toBeUndefined();
  });

  it('sees own members only, also with hostile names', () => {
    const object = parse('{"__proto__":{"polluted":true},"constructor":1}');
    expect(field(object, 'polluted')).toBeUndefined();
    expect(field(object, '__proto__')).toEqual({ polluted: true });
    expect(field(object, 'constructor')).toBe(1);
    expect(field({}, 'constructor')).toBeUndefined();
    expect(field({}, '__proto__')).toBeUndefined();
    expect(field(parse('{"__proto__":123456789012345678901}'), '__proto__')).toBe(
      123456789012345678901n,
    );
  });

  it.each([undefined, null, 1, 'text', [1]])('is undefined for %j', (value) => {
    expect(field(value, 'length')).toBeUndefined();
  });
});
