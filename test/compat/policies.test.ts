import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeGoJSON } from '@longshore/repo';
import {
  EMPTY_POLICY,
  formatSource,
  getEffectivePolicy,
  GLOBAL_SOURCE,
  listPolicies,
  policyPayload,
  removePolicy,
  setPolicy,
  type Policy,
  type SourceInfo,
} from '@longshore/snapshot';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { LongshoreClient } from '../longshore.ts';
import { Workspace } from './workspace.ts';

const PASSWORD = 'policies';
const HOST: SourceInfo = { userName: '', host: 'kopia-host', path: '' };
const USER: SourceInfo = { userName: 'tester', host: 'kopia-host', path: '' };
const SRV: SourceInfo = { ...USER, path: '/srv' };
const DATA: SourceInfo = { ...USER, path: '/srv/data' };
const DEEP: SourceInfo = { ...USER, path: '/srv/data/a/b' };
const ELSEWHERE: SourceInfo = { userName: 'other', host: 'elsewhere', path: '/x' };

/** Set by longshore: together every setting that has a value of its own. */
const OURS: readonly (readonly [SourceInfo, Partial<Policy>])[] = [
  [HOST, { retention: { keepLatest: 77, keepWeekly: 0, ignoreIdenticalSnapshots: true } }],
  [
    USER,
    {
      files: { ignore: ['*.o', '!keep.o', '/build/'], maxFileSize: 123_456_789 },
      compression: { compressorName: 's2-better', neverCompress: ['.zip', '.gz', '.jpg'] },
      upload: { maxParallelSnapshots: 3, maxParallelFileReads: 9 },
      scheduling: { timeOfDay: [{ hour: 4, min: 5 }], cron: ['0 3 * * 1'], runMissed: false },
    },
  ],
  [
    SRV,
    {
      files: { ignoreDotFiles: ['.nobackup'], oneFileSystem: true, ignoreCacheDirs: false },
      splitter: { algorithm: 'FIXED-1M' },
      metadataCompression: { compressorName: 'zstd' },
      errorHandling: { ignoreFileErrors: true },
    },
  ],
  [
    DATA,
    {
      compression: { onlyCompress: ['.txt', '.csv', '.b'], neverCompress: ['.aac'], minSize: 10 },
      scheduling: { intervalSeconds: 3600, timeOfDay: [{ hour: 1, min: 0 }] },
      logging: { directories: { snapshotted: 1 }, entries: { cacheHit: 3 } },
      actions: { beforeFolder: { path: '/bin/true', args: ['<&>'], timeout: 7, mode: 'optional' } },
      upload: { parallelUploadAboveSize: 50 * 2 ** 20 },
    },
  ],
  [DEEP, { retention: { keepAnnual: 1 }, noParent: true }],
];

/** Set by Kopia. */
const THEIRS: readonly (readonly [SourceInfo, readonly string[]])[] = [
  [GLOBAL_SOURCE, ['--compression=zstd', '--add-ignore=*.tmp', '--keep-hourly=5']],
  [HOST, ['--keep-latest=8', '--ignore-identical-snapshots=true', '--one-file-system=true']],
  [USER, ['--add-never-compress=.mp4', '--add-never-compress=.avi', '--max-file-size=99']],
  [SRV, ['--snapshot-time=1:30,22:05', '--add-dot-ignore=.no', '--splitter=FIXED-2M']],
  [
    DATA,
    [
      '--add-only-compress=.txt',
      '--keep-monthly=inherit',
      '--metadata-compression=none',
      '--ignore-dir-errors=true',
      '--snapshot-interval=2h',
      '--max-parallel-file-reads=3',
      '--parallel-upload-above-size-mib=64',
      '--log-entry-ignored=9',
    ],
  ],
  [DEEP, ['--inherit=false', '--keep-latest=1']],
];

const TARGETS = [GLOBAL_SOURCE, HOST, USER, SRV, DATA, DEEP, ELSEWHERE];

const kopiaBinary = findKopia();

function kopiaTarget(target: SourceInfo): string {
  return target === GLOBAL_SOURCE ? '--global' : formatSource(target);
}

function json(policy: Policy): unknown {
  return JSON.parse(encodeGoJSON(policyPayload(policy)));
}

describe.skipIf(isKopiaMissing(kopiaBinary, 'policies against Kopia', 3))('policies', () => {
  let work: Workspace;
  let ours: LongshoreClient;
  let kopia: KopiaClient;

  beforeAll(async () => {
    work = new Workspace('policies');
    const path = work.folder('repo');
    kopia = await KopiaClient.create({ binary: kopiaBinary!, path, password: PASSWORD });
    ours = await LongshoreClient.open({ path, password: PASSWORD });
  });

  afterAll(async () => {
    await ours[Symbol.asyncDispose]();
    await kopia[Symbol.asyncDispose]();
    work[Symbol.dispose]();
  });

  /** Of each target the settings in force, and all that is stored. */
  async function policiesHere(): Promise<readonly unknown[]> {
    await ours.repository.refresh();
    const inForce: unknown[] = [];
    for (const target of TARGETS) {
      const { policy } = await getEffectivePolicy(ours.repository, target);
      inForce.push([target, json(policy)]);
    }
    const stored = await listPolicies(ours.repository);
    return [
      ...inForce,
      stored.map(({ id, target, policy }) => ({ id, target, ...(json(policy) as object) })),
    ];
  }

  async function policiesOfKopia(): Promise<readonly unknown[]> {
    const inForce: unknown[] = [];
    for (const target of TARGETS) {
      inForce.push([target, await kopia.json('policy', 'show', kopiaTarget(target))]);
    }
    return [...inForce, await kopia.json('policy', 'list')];
  }

  it('of longshore are in force for Kopia, each with the value that it has here', async () => {
    expect(await policiesHere()).toEqual(await policiesOfKopia());
    for (const [target, settings] of OURS) {
      await ours.write((writer) => setPolicy(writer, target, { ...EMPTY_POLICY, ...settings }));
    }
    expect(await policiesHere()).toEqual(await policiesOfKopia());
  });

  it('of Kopia are in force for longshore', async () => {
    for (const [target, flags] of THEIRS) {
      await kopia.run('policy', 'set', kopiaTarget(target), ...flags);
    }
    expect(await policiesHere()).toEqual(await policiesOfKopia());
  });

  it('that either removes are gone for both', async () => {
    await kopia.run('policy', 'delete', kopiaTarget(HOST), kopiaTarget(DEEP));
    await ours.repository.refresh();
    expect(await ours.write((writer) => removePolicy(writer, USER))).toBe(true);
    expect(await policiesHere()).toEqual(await policiesOfKopia());
    expect(await listPolicies(ours.repository)).toHaveLength(3);
  });
});
