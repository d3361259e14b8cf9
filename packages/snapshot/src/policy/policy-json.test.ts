import { encodeGoJSON, encodeUtf8, parseGoJSON } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { goldenRepositories } from '../../../../test/golden.ts';
import { parsePolicy, policyPayload } from './policy-json.ts';
import { DEFAULT_POLICY, EMPTY_POLICY } from './policy.ts';

const STORED_DEFAULT =
  '{"retention":{"keepLatest":10,"keepHourly":48,"keepDaily":7,"keepWeekly":4,"keepMonthly":24,"keepAnnual":3,"ignoreIdenticalSnapshots":false},"files":{"ignoreDotFiles":[".kopiaignore"]},"errorHandling":{"ignoreFileErrors":false,"ignoreDirectoryErrors":false,"ignoreUnknownTypes":true},"scheduling":{"runMissed":true},"compression":{"compressorName":"none"},"metadataCompression":{"compressorName":"zstd-fastest"},"splitter":{},"actions":{},"osSnapshots":{"volumeShadowCopy":{"enable":0}},"logging":{"directories":{"snapshotted":5,"ignored":5},"entries":{"snapshotted":0,"ignored":5,"cacheHit":0,"cacheMiss":0}},"upload":{"maxParallelSnapshots":1,"parallelUploadAboveSize":2147483648}}';
const STORED_EMPTY =
  '{"retention":{},"files":{},"errorHandling":{},"scheduling":{},"compression":{},"metadataCompression":{},"splitter":{},"actions":{},"osSnapshots":{"volumeShadowCopy":{}},"logging":{"directories":{},"entries":{}},"upload":{}}';
/** Sets every member. */
const STORED_FULL =
  '{"retention":{"keepLatest":1,"keepHourly":0,"keepDaily":2,"keepWeekly":3,"keepMonthly":4,"keepAnnual":5,"ignoreIdenticalSnapshots":true},"files":{"ignore":["*.a","/b"],"noParentIgnore":true,"ignoreDotFiles":[".x"],"noParentDotFiles":true,"ignoreCacheDirs":false,"maxFileSize":7,"oneFileSystem":true},"errorHandling":{"ignoreFileErrors":true,"ignoreDirectoryErrors":true,"ignoreUnknownTypes":false},"scheduling":{"intervalSeconds":60,"timeOfDay":[{"hour":0,"min":0},{"hour":23,"min":59}],"noParentTimeOfDay":true,"manual":true,"cron":["0 1 * * *"],"runMissed":false},"compression":{"compressorName":"zstd","onlyCompress":[".a"],"noParentOnlyCompress":true,"neverCompress":[".b"],"noParentNeverCompress":true,"minSize":1,"maxSize":2},"metadataCompression":{"compressorName":"none"},"splitter":{"algorithm":"FIXED-4M"},"actions":{"beforeFolder":{"path":"/bin/a","args":["x"],"timeout":5,"mode":"essential"},"afterFolder":{"script":"#!/bin/sh\\n","mode":"async"},"beforeSnapshotRoot":{"path":"b"},"afterSnapshotRoot":{}},"osSnapshots":{"volumeShadowCopy":{"enable":2}},"logging":{"directories":{"snapshotted":1,"ignored":0},"entries":{"snapshotted":2,"ignored":3,"cacheHit":4,"cacheMiss":5}},"upload":{"maxParallelSnapshots":2,"maxParallelFileReads":0,"parallelUploadAboveSize":-1},"noParent":true}';

function parse(json: string): ReturnType<typeof parsePolicy> {
  return parsePolicy(parseGoJSON(encodeUtf8(json), 'test'), 'policy 12');
}

describe('a stored policy', () => {
  it('with the defaults is that of a new repository, to the byte', () => {
    expect(encodeGoJSON(policyPayload(DEFAULT_POLICY))).toBe(STORED_DEFAULT);
    expect(STORED_DEFAULT.length).toBe(683);
    expect(parse(STORED_DEFAULT)).toEqual(DEFAULT_POLICY);
  });

  it('that sets nothing still has every section', () => {
    expect(encodeGoJSON(policyPayload(EMPTY_POLICY))).toBe(STORED_EMPTY);
    expect(parse(STORED_EMPTY)).toEqual(EMPTY_POLICY);
    expect(parse('{}')).toEqual(EMPTY_POLICY);
    expect(parse('{"logging":null,"osSnapshots":{}}')).toEqual(EMPTY_POLICY);
  });

  it('that sets everything is written as it was read', () => {
    expect(encodeGoJSON(policyPayload(parse(STORED_FULL)))).toBe(STORED_FULL);
  });

  it('does not tell zero, false and empty from absent, except where they are values', () => {
    const policy = parse(
      '{"retention":{"keepLatest":0},"files":{"ignore":[],"noParentIgnore":false,"maxFileSize":0,"oneFileSystem":false},"compression":{"compressorName":""}}',
    );
    expect(policy).toEqual({
      ...EMPTY_POLICY,
      retention: { keepLatest: 0 },
      files: { oneFileSystem: false },
    });
    const written = policyPayload({ ...EMPTY_POLICY, files: { maxFileSize: 0, ignore: [] } });
    expect(encodeGoJSON(written)).toBe(STORED_EMPTY);
  });

  it('may have limits beyond 2^53', () => {
    const policy = parse('{"retention":{"keepLatest":9223372036854775807}}');
    expect(policy.retention.keepLatest).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    ['[]', 'payload'],
    ['{"retention":[]}', 'retention'],
    ['{"retention":{"keepLatest":"1"}}', 'retention.keepLatest'],
    ['{"retention":{"keepLatest":1.5}}', 'retention.keepLatest'],
    ['{"files":{"ignore":"a"}}', 'files.ignore'],
    ['{"files":{"ignore":[1]}}', 'files.ignore'],
    ['{"files":{"oneFileSystem":1}}', 'files.oneFileSystem'],
    ['{"scheduling":{"timeOfDay":[1]}}', 'scheduling.timeOfDay'],
    ['{"scheduling":{"timeOfDay":[{"hour":"1"}]}}', 'scheduling.timeOfDay.hour'],
    ['{"actions":{"beforeFolder":[]}}', 'actions.beforeFolder'],
    ['{"compression":{"compressorName":5}}', 'compression.compressorName'],
    ['{"logging":{"entries":7}}', 'logging.entries'],
  ])('is refused if it is %s', (json, member) => {
    expect(() => parse(json)).toThrow(
      expect.objectContaining({
        code: 'CORRUPT_DATA',
        message: expect.stringContaining(`policy 12: ${member} is not`) as string,
      }),
    );
  });
});

const golden = goldenRepositories();

describe.skipIf(golden.length === 0).each(golden)('policies of $name', ({ expected }) => {
  it('are read and written with the same members and the same length', () => {
    for (const { id, target: _, ...members } of expected.policies) {
      const written = encodeGoJSON(policyPayload(parse(encodeGoJSON(members))));
      expect(JSON.parse(written)).toEqual(members);
      const manifest = expected.manifests.find((candidate) => candidate['id'] === id);
      expect(encodeUtf8(written).length).toBe(manifest?.['length']);
    }
    expect(expected.policies.length).toBeGreaterThan(0);
  });
});
