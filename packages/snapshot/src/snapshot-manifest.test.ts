import {
  encodeGoJSON,
  encodeUtf8,
  parseGoJSON,
  type Manifest,
  type ManifestID,
} from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { goldenRepositories } from '../../../test/golden.ts';
import {
  compareSnapshotTimes,
  EMPTY_STATS,
  parseSnapshotManifest,
  snapshotPayload,
} from './snapshot-manifest.ts';

const STORED =
  '{"id":"","source":{"host":"testhost","userName":"tester","path":"/data/tree1"},"description":"","startTime":"2026-11-23T04:11:38.652894076Z","endTime":"2026-11-23T04:11:40.273715714Z","stats":{"totalSize":72582957,"excludedTotalSize":0,"fileCount":24,"cachedFiles":0,"nonCachedFiles":24,"dirCount":10,"excludedFileCount":0,"excludedDirCount":0,"ignoredErrorCount":0,"errorCount":0},"rootEntry":{"name":"tree1","type":"d","mode":"0755","mtime":"2026-11-23T04:11:37.464453086Z","obj":"kc3b6dfd638b3753e0ba17d06b34c126c","summ":{"size":72582957,"files":24,"symlinks":2,"dirs":10,"maxTime":"2150-03-04T05:06:07.1002003Z","numFailed":0}}}';

function manifestOf(json: string, id = '00112233445566778899aabbccddeeff'): Manifest {
  const bytes = encodeUtf8(json);
  return {
    entry: {
      id: id as ManifestID,
      labels: { type: 'snapshot' },
      modified: 1n,
      length: bytes.length,
    },
    payload: parseGoJSON(bytes, 'test'),
  };
}

function rewritten(json: string): string {
  return encodeGoJSON(snapshotPayload(parseSnapshotManifest(manifestOf(json))));
}

describe('a stored snapshot', () => {
  it('is written as Kopia writes it', () => {
    expect(rewritten(STORED)).toBe(STORED);
  });

  it('holds the ID of its manifest and exact times', () => {
    const snapshot = parseSnapshotManifest(manifestOf(STORED));
    expect(snapshot).toMatchObject({
      id: '00112233445566778899aabbccddeeff',
      source: { host: 'testhost', userName: 'tester', path: '/data/tree1' },
      startTime: 1795407098652894076n,
      tags: {},
      pins: [],
    });
    expect(snapshot.rootEntry?.summary?.dirs).toBe(10);
    expect(snapshot.incomplete).toBeUndefined();
  });

  it('keeps tags sorted by their bytes, statistics, pins and what longshore does not know', () => {
    const members =
      ',"tags":{"tag:10":"a","tag:9":"<b>","～":"c","😀":"d"},"storageStats":{"newData":{"contents":1}},"pins":["a","b"],"future":[1,{"x":null}]}';
    const json = STORED.slice(0, -1) + members;
    expect(rewritten(json)).toBe(json.replace('<b>', '\\u003cb\\u003e'));
  });

  it('keeps the reason for which it is incomplete', () => {
    const json = STORED.replace('"rootEntry"', '"incomplete":"limit reached","rootEntry"');
    expect(parseSnapshotManifest(manifestOf(json)).incomplete).toBe('limit reached');
    expect(rewritten(json)).toBe(json);
  });

  it('may lack a root', () => {
    const json = `${STORED.slice(0, STORED.indexOf('"rootEntry"'))}"rootEntry":null}`;
    expect(parseSnapshotManifest(manifestOf(json)).rootEntry).toBeUndefined();
    expect(rewritten(json)).toBe(json);
  });

  it('reads members that are missing as empty', () => {
    const snapshot = parseSnapshotManifest(manifestOf('{}'));
    expect(snapshot.stats).toEqual(EMPTY_STATS);
    expect(snapshot.source).toEqual({ host: '', userName: '', path: '' });
    expect(snapshot.startTime).toBe(0n);
  });

  it.each([
    '[]',
    '{"source":{"host":1}}',
    '{"startTime":"now"}',
    '{"stats":{"fileCount":"1"}}',
    '{"rootEntry":1}',
    '{"tags":[]}',
    '{"tags":{"a":1}}',
    '{"pins":[1]}',
  ])('is refused if it is %s', (json) => {
    expect(() => parseSnapshotManifest(manifestOf(json))).toThrow(
      expect.objectContaining({
        code: 'CORRUPT_DATA',
        message: expect.stringContaining('snapshot 00112233445566778899aabbccddeeff') as string,
      }),
    );
  });
});

describe('the order of snapshots', () => {
  it('is that of their start, then of their end', () => {
    const times = [
      { startTime: 2n, endTime: 1n },
      { startTime: 1n, endTime: 9n },
      { startTime: 1n, endTime: 3n },
    ];
    expect(times.sort(compareSnapshotTimes).map(({ endTime }) => endTime)).toEqual([3n, 9n, 1n]);
  });
});

const golden = goldenRepositories();

describe.skipIf(golden.length === 0).each(golden)('snapshots of $name', ({ expected }) => {
  it('are read and written with the same members and the same length', () => {
    for (const shown of expected.snapshots) {
      const { retentionReason: _, id, ...members } = shown;
      const json = encodeGoJSON(members);
      const payload = snapshotPayload(parseSnapshotManifest(manifestOf(json, String(id))));
      const written = encodeGoJSON(payload);
      expect(JSON.parse(written)).toEqual({ id: '', ...members });
      const manifest = expected.manifests.find((candidate) => candidate['id'] === id);
      expect(encodeUtf8(written).length).toBe(manifest?.['length']);
    }
    expect(expected.snapshots.length).toBeGreaterThan(0);
  });
});
