import { array, assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { HttpAnswerReader, type HttpAnswer, type RoomForBody } from './http-answer.ts';

const anyRoom: RoomForBody = (_head, length) => new Uint8Array(length);

/** Has the text read in pieces of these lengths, over and over; `ends`: then the connection is closed. */
function read(
  text: string,
  {
    pieces = [text.length],
    roomFor = anyRoom,
    ends = false,
  }: { pieces?: readonly number[]; roomFor?: RoomForBody; ends?: boolean } = {},
): { answer: HttpAnswer | undefined; body: string | undefined; keepsAlive: boolean } {
  const reader = new HttpAnswerReader(roomFor);
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0, turn = 0; at < bytes.length && !reader.answer; turn++) {
    const room = reader.buffer;
    const count = Math.min(pieces[turn % pieces.length]!, room.length, bytes.length - at);
    room.set(bytes.subarray(at, at + count));
    reader.accept(count);
    at += count;
  }
  if (ends) reader.end();
  const { answer, keepsAlive } = reader;
  return { answer, body: answer?.body && Buffer.from(answer.body).toString('latin1'), keepsAlive };
}

const ANSWERS = {
  'of a known length':
    'HTTP/1.1 206 Partial Content\r\nContent-Length: 11\r\nETag: "a"\r\n\r\nhello\r\n\r\nyo',
  'in chunks':
    'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n6\r\n\r\n\r\nyo\r\n0\r\nt: 1\r\n\r\n',
  'after interim answers':
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:11\r\n\r\nhello\r\n\r\nyo',
};

it.each(Object.entries(ANSWERS))('reads a body %s, however it is cut', (_what, text) => {
  assert(
    property(array(integer({ min: 1, max: 40 }), { minLength: 1 }), (pieces) => {
      expect(read(text, { pieces })).toMatchObject({
        body: 'hello\r\n\r\nyo',
        keepsAlive: true,
      });
    }),
  );
});

it('reads a body into the memory that it is for, shared or not', () => {
  const room = new Uint8Array(new SharedArrayBuffer(32), 5, 20);
  const heads: unknown[] = [];
  const { answer } = read(ANSWERS['of a known length'], {
    pieces: [7],
    roomFor: (head, length) => {
      heads.push(head, length);
      return room;
    },
  });
  expect(heads).toEqual([
    {
      status: 206,
      reason: 'Partial Content',
      headers: { 'content-length': '11', etag: '"a"' },
    },
    11,
  ]);
  expect(answer?.body?.buffer).toBe(room.buffer);
  expect(Buffer.from(room.subarray(0, 12)).toString('latin1')).toBe('hello\r\n\r\nyo\0');
});

it.each<[string, RoomForBody]>([
  ['there is no room', () => undefined],
  ['the room is too small', () => new Uint8Array(10)],
])('leaves a body alone where %s, and the connection with it', (_what, roomFor) => {
  const { answer, keepsAlive } = read(ANSWERS['of a known length'], { roomFor });
  expect(answer).toMatchObject({ status: 206, body: undefined });
  expect(keepsAlive).toBe(false);
});

it('takes the end of the connection for the end of a body without length only', () => {
  const text = 'HTTP/1.1 500 Oh\r\n\r\nall there is';
  expect(read(text, { ends: true })).toMatchObject({ body: 'all there is', keepsAlive: false });
  for (const whole of Object.values(ANSWERS)) {
    for (let length = 0; length < whole.length; length++) {
      expect(() => read(whole.slice(0, length), { ends: true })).toThrow(
        expect.objectContaining({ code: 'ECONNRESET' }),
      );
    }
  }
});

it.each([
  ['says close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', ''],
  ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', ''],
  ['goes on after a body', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc', 'ab'],
  ['goes on after no body', 'HTTP/1.1 204 No\r\n\r\nabc', ''],
  [
    'goes on after chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nb',
    'a',
  ],
])('does not keep a connection that %s', (_what, text, body) => {
  expect(read(text)).toMatchObject({ body, keepsAlive: false });
});

describe('an answer is refused', () => {
  it.each([
    ['that is no HTTP/1', 'HTTP/2 200 OK\r\n\r\n'],
    ['without a status', 'HTTP/1.1 OK\r\n\r\n'],
    ['that switches protocols', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['with interim answers without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(9)],
    ['with a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
    ['with a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n'],
    ['with a line that ends alone', 'HTTP/1.1 200 OK\r\nA: b\nContent-Length: 1\r\n\r\n'],
    ['with two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    ['with a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['with a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n'],
    [
      'with a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['with an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    ['with a head that is too long', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(17_000)}\r\n\r\n`],
    ['with a chunk of no size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n'],
    [
      'with a chunk that is longer than it says',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
    ],
    [
      'with trailers without end',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${`a: ${'b'.repeat(900)}\r\n`.repeat(20)}`,
    ],
  ])('%s', (_what, text) => {
    expect(() => read(text, { pieces: [11] })).toThrow(
      expect.objectContaining({ code: 'HPE_INVALID_ANSWER' }),
    );
  });
});
