import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import {
  blobIDOfFile,
  DEFAULT_DIR_SHARDS,
  encodeSharding,
  folderMayHold,
  LEGACY_DIR_SHARDS,
  parseSharding,
  shardedPath,
  shardingWith,
} from './sharding.ts';
import type { ShardingParameters } from './sharding.ts';
import { parseBlobID } from './storage.ts';

function path(name: string, parameters: ShardingParameters): string {
  const { folders, fileName } = shardedPath(parseBlobID(name), parameters);
  return [...folders, fileName].join('/');
}

const pack = 'qb2a581306f06fb62ec2471344c6c789f-sa1b8ec7119422076147';

describe('shardedPath', () => {
  it.each([
    [[1, 3], pack, 'q/b2a/581306f06fb62ec2471344c6c789f-sa1b8ec7119422076147.f'],
    [[1, 3], 'xn0_54c600112233445566778899aabb', 'x/n0_/54c600112233445566778899aabb.f'],
    [[3, 3], 'ndd27184b5c200112233', 'ndd27184b5c200112233.f'],
    [[3, 3], 'ndd27184b5c2001122334', 'ndd/271/84b5c2001122334.f'],
    [[1, 3], 'kopia.repository', 'kopia.repository.f'],
    [[1, 3], 'xw1795406967', 'xw1795406967.f'],
    [[], pack, `${pack}.f`],
    [[0, 2], pack, `qb/${pack.slice(2)}.f`],
    [[10, 30], 'a23456789012345678901', 'a234567890/12345678901.f'],
  ])('with shards %j puts %s at %s', (shards, name, expected) => {
    expect(path(name, shardingWith(shards))).toBe(expected);
  });

  it('takes the first override that matches, also for folders of its own', () => {
    const parameters: ShardingParameters = {
      shards: [1, 3],
      maxNonShardedLength: 5,
      overrides: [
        { prefix: 'q', shards: [] },
        { prefix: 'qb', shards: [2] },
        { prefix: 'p', shards: [4] },
      ],
    };
    expect(path(pack, parameters)).toBe(`${pack}.f`);
    expect(path('p1234567', parameters)).toBe('p123/4567.f');
    expect(path('n1234567', parameters)).toBe('n/123/4567.f');
  });

  it.each([
    [[1, 3], '.hidden0123456789abcdef'],
    [[2], '..0123456789abcdef01234'],
    [[1, 2, 1], 'a..0123456789abcdef0123'],
  ])('refuses with shards %j the ID %s, whose folder would lead elsewhere', (shards, name) => {
    expect(() => path(name, shardingWith(shards))).toThrow(/its folder would be/);
  });

  it('gives each ID a path from which the ID can be read back', () => {
    const ids = fc
      .stringMatching(/^[0-9a-z_-][!-.0-[\]-~]{0,249}$/)
      .filter((name) => !/^\.+$/.test(name));
    const shards = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
    fc.assert(
      fc.property(ids, shards, (name, lengths) => {
        let place;
        try {
          place = shardedPath(parseBlobID(name), shardingWith(lengths));
        } catch {
          fc.pre(false);
          return;
        }
        const joined = place.folders.join('');
        expect(blobIDOfFile(joined, place.fileName)).toBe(name);
        expect(
          place.folders.every((_, i) => folderMayHold(place.folders.slice(0, i).join(''), name)),
        ).toBe(true);
      }),
    );
  });
});

describe('.shards', () => {
  it.each([
    [DEFAULT_DIR_SHARDS, '{"default":[1,3],"maxNonShardedLength":20}\n'],
    [LEGACY_DIR_SHARDS, '{"default":[3,3],"maxNonShardedLength":20}\n'],
    [[], '{"default":[],"maxNonShardedLength":20}\n'],
  ])('is written for %j as Kopia writes it, and read back', (shards, text) => {
    const bytes = encodeSharding(shardingWith(shards));
    expect(decodeUtf8(bytes, 'test')).toBe(text);
    expect(parseSharding(bytes, '.shards')).toEqual(shardingWith(shards));
  });

  it('carries overrides both ways', () => {
    const text =
      '{"default":[1,3],"maxNonShardedLength":9,"overrides":[{"prefix":"p","shards":[2]}]}\n';
    const parameters = parseSharding(encodeUtf8(text), '.shards');
    expect(parameters.overrides).toEqual([{ prefix: 'p', shards: [2] }]);
    expect(decodeUtf8(encodeSharding(parameters), 'test')).toBe(text);
  });

  it.each([
    '',
    '[]',
    'null',
    '{"default":[-1]}',
    '{"default":["1"]}',
    '{"default":3}',
    '{"maxNonShardedLength":"20"}',
    '{"overrides":{}}',
    '{"overrides":[1]}',
    '{"overrides":[{"prefix":1}]}',
  ])('is an error if it says %j', (text) => {
    expect(() => parseSharding(encodeUtf8(text), '/backup/.shards')).toThrow(
      /^\/backup\/.shards: /,
    );
  });
});
