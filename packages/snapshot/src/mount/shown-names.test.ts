import { parseManifestID } from '@longshore/repo';
import { array, assert, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEntryName } from '../restore/entry-name.ts';
import { EMPTY_STATS, type SnapshotManifest } from '../snapshot-manifest.ts';
import { distinctNames, shownFileName, shownSnapshotName, shownSourceName } from './shown-names.ts';

function snapshot(startTime: bigint, incomplete?: string): SnapshotManifest {
  return {
    id: parseManifestID('0'.repeat(32)),
    source: { host: 'h', userName: 'u', path: '/p' },
    description: '',
    startTime,
    endTime: startTime,
    stats: EMPTY_STATS,
    incomplete,
    rootEntry: undefined,
    tags: {},
    pins: [],
  };
}

describe('the name of a source', () => {
  it.each([
    ['/', '__root'],
    ['/home/me/photos', 'home_me_photos'],
    ['user@host', 'user@host'],
    ['C:\\Users\\me', 'C_Users_me'],
    ['c:/', 'c'],
    ['D:\\', 'D'],
    ['/trailing/', 'trailing'],
    ['//server/share', 'server_share'],
    ['x:', 'x'],
  ])('of %s is %s', (path, name) => {
    expect(shownSourceName(path)).toBe(name);
  });

  it('is one path component whatever the source is called', () => {
    const unit = constantFrom('/', '\\', ':', '.', '_', '\0', '\ud800', 'a');
    assert(
      property(string({ unit }), (path) => {
        expect(isEntryName(shownSourceName(path))).toBe(true);
        expect(isEntryName(shownFileName(path))).toBe(true);
      }),
    );
  });
});

describe('the name of a snapshot', () => {
  it('is its start in UTC', () => {
    expect(shownSnapshotName(snapshot(1_795_521_198_999_999_999n))).toBe('20261124-115318');
  });

  it('says why it is incomplete', () => {
    expect(shownSnapshotName(snapshot(0n, 'limit reached'))).toBe(
      '19700101-000000 (limit reached)',
    );
    expect(shownSnapshotName(snapshot(0n, '../x'))).toBe('19700101-000000 (.._x)');
  });
});

describe('names made distinct', () => {
  it('keep the first and number the others, without regard to case', () => {
    expect(distinctNames(['a', 'b', 'A', 'a'])).toEqual(['a', 'b', 'A (2)', 'a (3)']);
  });

  it('do not collide with a name that looks numbered already', () => {
    expect(distinctNames(['a', 'a', 'a (2)'])).toEqual(['a', 'a (2)', 'a (2) (2)']);
  });

  it('are as many as before, all different, and begin as before', () => {
    const names = array(constantFrom('a', 'A', 'a (2)', 'A (2)', 'a (2) (2)', 'b'));
    assert(
      property(names, (given) => {
        const distinct = distinctNames(given);
        expect(new Set(distinct.map((name) => name.toLowerCase())).size).toBe(given.length);
        given.forEach((name, index) => expect(distinct[index]?.startsWith(name)).toBe(true));
      }),
    );
  });
});
