import { describe, expect, it } from 'vitest';
import { listenAddress } from './listen-address.ts';
import { UsageError } from './usage-error.ts';

const address = listenAddress('Where.', { default: { host: '127.0.0.1', port: 0 } });

describe('where to listen', () => {
  it.each([
    ['localhost', 'localhost', 0],
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['http://nas.local:80/', 'nas.local', 80],
    ['https://0.0.0.0:65535', '0.0.0.0', 65_535],
    ['[::1]:80', '::1', 80],
    ['[fe80::1]', 'fe80::1', 0],
  ])('%s is host %s and port %i', (text, host, port) => {
    expect(address.resolve([text])).toEqual({ host, port });
  });

  it.each(['', ':80', '::1', 'a:b', 'a:65536', 'a:1:2', 'a/b', 'ftp://a', 'a b'])(
    'cannot be %j',
    (text) => {
      expect(() => address.resolve([text])).toThrow(UsageError);
    },
  );

  it('is this machine alone, on any free port, if nothing is said', () => {
    expect(address.resolve([])).toEqual({ host: '127.0.0.1', port: 0 });
    expect(address.defaultText).toBe('127.0.0.1:0');
  });
});
