import { describe, expect, it } from 'vitest';
import {
  formatSource,
  GLOBAL_SOURCE,
  parseSource,
  sameSource,
  snapshotLabels,
} from './source-info.ts';

const CLIENT = {
  host: 'here',
  userName: 'me',
  absolutePath: (path: string) => `/abs/${path}`,
};

describe('the text of a source', () => {
  it.each([
    ['(global)', '', '', ''],
    ['u@h', 'u', 'h', ''],
    ['@h', '', 'h', ''],
    ['u@h:/a/b', 'u', 'h', '/a/b'],
    ['u@h:/a@b:c', 'u', 'h', '/a@b:c'],
    ['u@h:', 'u', 'h', ''],
    ['dir', 'me', 'here', '/abs/dir'],
    ['C:\\a@b', 'me', 'here', '/abs/C:\\a@b'],
    ['C:\\a@b:c', 'me', 'here', '/abs/C:\\a@b:c'],
    ['@h:/a', 'me', 'here', '/abs/@h:/a'],
  ])('%s means user %j, host %j, path %j', (text, userName, host, path) => {
    expect(parseSource(text, CLIENT)).toEqual({ userName, host, path });
  });

  it.each(['(global)', 'u@h', '@h', 'u@h:/a/b'])('%s is written back as it is', (text) => {
    expect(formatSource(parseSource(text, CLIENT))).toBe(text);
  });

  it('that names no host is refused', () => {
    expect(() => parseSource('u@', CLIENT)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

describe('a source', () => {
  it('is the same as another if all parts are', () => {
    const source = { userName: 'u', host: 'h', path: '/p' };
    expect(sameSource(source, { ...source })).toBe(true);
    for (const part of ['userName', 'host', 'path']) {
      expect(sameSource(source, { ...source, [part]: 'x' })).toBe(false);
    }
    expect(sameSource(GLOBAL_SOURCE, source)).toBe(false);
  });

  it('gives the labels of its snapshots', () => {
    expect(snapshotLabels({ userName: 'u', host: 'h', path: '/p' })).toEqual({
      type: 'snapshot',
      hostname: 'h',
      username: 'u',
      path: '/p',
    });
  });
});
