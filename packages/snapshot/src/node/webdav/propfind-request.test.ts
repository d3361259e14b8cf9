import { encodeUtf8 } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { HttpFailure } from './http-failure.ts';
import { parsePropfind } from './propfind-request.ts';

describe('the body of a PROPFIND', () => {
  it.each([
    ['', { kind: 'all' }],
    ['<propfind xmlns="DAV:"><allprop/><include><x/></include></propfind>', { kind: 'all' }],
    ['<A:propfind xmlns:A="DAV:"><A:propname/></A:propfind>', { kind: 'names' }],
    ['<propfind xmlns="DAV:"><x xmlns="u"/><prop/></propfind>', { kind: 'some', properties: [] }],
  ])('%j asks for %j', (body, request) => {
    expect(parsePropfind(encodeUtf8(body))).toMatchObject(request);
  });

  it('asks for properties by name and namespace, each once', () => {
    const body =
      '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><q xmlns="urn:q"/><r/><D:getetag/></D:prop></D:propfind>';
    expect(parsePropfind(encodeUtf8(body))).toMatchObject({
      kind: 'some',
      properties: [
        { namespace: 'DAV:', name: 'getetag' },
        { namespace: 'urn:q', name: 'q' },
        { namespace: '', name: 'r' },
      ],
    });
  });

  it('may be in UTF-16', () => {
    const text = '\ufeff<propfind xmlns="DAV:"><propname/></propfind>';
    const body = new Uint8Array(Buffer.from(text, 'utf16le'));
    expect(parsePropfind(body)).toEqual({ kind: 'names' });
    expect(parsePropfind(new Uint8Array(Buffer.from(body).swap16()))).toEqual({ kind: 'names' });
  });

  it.each([
    '<propfind/>',
    '<prop xmlns="DAV:"/>',
    '<propfind xmlns="DAV:"/>',
    '<propfind xmlns="DAV:"><allprop/><prop/></propfind>',
    '<propfind xmlns="DAV:">',
  ])('%j is a bad request', (body) => {
    expect(() => parsePropfind(encodeUtf8(body))).toThrow(
      expect.objectContaining({ status: 400 }) as HttpFailure,
    );
    expect(() => parsePropfind(Uint8Array.of(0x3c, 0xff))).toThrow(HttpFailure);
  });
});
