import { encodeGoJSON } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { policyPayload } from './policy-json.ts';
import { mergePolicies, type TargetedPolicy } from './policy-merge.ts';
import { DEFAULT_POLICY, EMPTY_POLICY, type Policy } from './policy.ts';

const PATH = { host: 'h', userName: 'u', path: '/a' };
const USER = { host: 'h', userName: 'u', path: '' };
const GLOBAL = { host: '', userName: '', path: '' };

function merge(
  ...policies: readonly [target: TargetedPolicy['target'], sections: Partial<Policy>][]
): ReturnType<typeof mergePolicies> {
  return mergePolicies(
    policies.map(([target, sections]) => ({ target, policy: { ...EMPTY_POLICY, ...sections } })),
  );
}

describe('merged policies', () => {
  it('of nothing are the defaults', () => {
    const { policy, origins } = mergePolicies([]);
    expect(encodeGoJSON(policyPayload(policy))).toBe(encodeGoJSON(policyPayload(DEFAULT_POLICY)));
    expect(origins.get('retention.keepLatest')).toBe('default');
    expect(origins.get('logging.entries.cacheHit')).toBe('default');
    expect(origins.has('files.ignore')).toBe(false);
  });

  it('take each setting from the first that sets it, be it zero or false', () => {
    const { policy, origins } = merge(
      [PATH, { retention: { keepLatest: 0 }, files: { oneFileSystem: false } }],
      [USER, { retention: { keepLatest: 5, keepDaily: 9 }, files: { oneFileSystem: true } }],
      [GLOBAL, { retention: { keepDaily: 1 }, files: { maxFileSize: 0 } }],
    );
    expect(policy.retention).toEqual({
      ...DEFAULT_POLICY.retention,
      keepLatest: 0,
      keepDaily: 9,
    });
    expect(policy.files.oneFileSystem).toBe(false);
    expect(policy.files.maxFileSize).toBeUndefined();
    expect(origins.get('retention.keepLatest')).toBe(PATH);
    expect(origins.get('retention.keepDaily')).toBe(USER);
    expect(origins.get('retention.keepAnnual')).toBe('default');
  });

  it('take ignore rules whole from one policy, whatever noParentIgnore says', () => {
    const { policy } = merge(
      [PATH, { files: { ignore: ['a'] } }],
      [USER, { files: { ignore: ['b'], noParentIgnore: true } }],
    );
    expect(policy.files).toEqual({
      ignore: ['a'],
      noParentIgnore: true,
      ignoreDotFiles: ['.kopiaignore'],
    });
  });

  it('unite extensions and times until a policy says that no parent may add', () => {
    const { policy, origins } = merge(
      [
        PATH,
        {
          compression: { neverCompress: ['.z', '.b'], onlyCompress: ['.q'] },
          scheduling: { timeOfDay: [{ hour: 5, min: 30 }] },
        },
      ],
      [
        USER,
        {
          compression: { neverCompress: ['.a', '.b'], noParentNeverCompress: true },
          scheduling: {
            timeOfDay: [
              { hour: 5, min: 30 },
              { hour: 1, min: 59 },
            ],
            noParentTimeOfDay: true,
          },
        },
      ],
      [
        GLOBAL,
        {
          compression: { neverCompress: ['.c'], onlyCompress: ['.p'] },
          scheduling: { timeOfDay: [{ hour: 0, min: 0 }] },
        },
      ],
    );
    expect(policy.compression.neverCompress).toEqual(['.a', '.b', '.z']);
    expect(policy.compression.onlyCompress).toEqual(['.p', '.q']);
    expect(policy.scheduling.timeOfDay).toEqual([
      { hour: 1, min: 59 },
      { hour: 5, min: 30 },
    ]);
    expect(origins.get('compression.neverCompress')).toBe(USER);
    expect(origins.get('compression.onlyCompress')).toBe(GLOBAL);
  });

  it('take folder actions only from the first policy, snapshot actions from any', () => {
    const action = { path: 'x' };
    const { policy } = merge(
      [PATH, { actions: { beforeFolder: action } }],
      [USER, { actions: { afterFolder: action, beforeSnapshotRoot: action } }],
    );
    expect(policy.actions).toEqual({ beforeFolder: action, beforeSnapshotRoot: action });
  });

  it('end at noParent: no defaults, no folder actions', () => {
    const { policy } = merge(
      [PATH, { retention: { keepLatest: 1 }, actions: { beforeFolder: { path: 'x' } } }],
      [USER, { noParent: true, retention: { keepDaily: 2 } }],
      [GLOBAL, { retention: { keepDaily: 3, keepAnnual: 4 } }],
    );
    expect(policy).toEqual({ ...EMPTY_POLICY, retention: { keepLatest: 1, keepDaily: 2 } });
  });
});
