import { describe, expect, it } from 'vitest';
import { FakeRepository } from '../fake-repository.ts';
import type { SourceInfo } from '../source-info.ts';
import { policyPayload } from './policy-json.ts';
import { policyLabels, policyTarget } from './policy-labels.ts';
import {
  getEffectivePolicy,
  getPolicy,
  listPolicies,
  loadPolicyTree,
  removePolicy,
  setPolicy,
} from './policy-store.ts';
import { EMPTY_POLICY, type Policy } from './policy.ts';

const GLOBAL: SourceInfo = { host: '', userName: '', path: '' };
const HOST: SourceInfo = { host: 'h', userName: '', path: '' };
const USER: SourceInfo = { host: 'h', userName: 'u', path: '' };

function at(path: string): SourceInfo {
  return { host: 'h', userName: 'u', path };
}

function keeping(keepLatest: number, more: Partial<Policy> = {}): Policy {
  return { ...EMPTY_POLICY, retention: { keepLatest }, ...more };
}

describe('labels of a policy', () => {
  it.each([
    [GLOBAL, { type: 'policy', policyType: 'global' }],
    [HOST, { type: 'policy', policyType: 'host', hostname: 'h' }],
    [USER, { type: 'policy', policyType: 'user', username: 'u', hostname: 'h' }],
    [at('/p'), { type: 'policy', policyType: 'path', username: 'u', hostname: 'h', path: '/p' }],
  ])('of %j tell its target', (target, labels) => {
    expect(policyLabels(target)).toEqual(labels);
    expect(policyTarget(labels)).toEqual(target);
  });

  it.each([
    { host: '', userName: 'u', path: '' },
    { host: '', userName: '', path: '/p' },
    { host: 'h', userName: '', path: '/p' },
  ])('are not to be had for %j', (target) => {
    expect(() => policyLabels(target)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

describe('policies in a repository', () => {
  it('are replaced by target', async () => {
    const { writer } = new FakeRepository();
    await setPolicy(writer, USER, keeping(1));
    await setPolicy(writer, at('/p'), keeping(2));
    const id = await setPolicy(writer, USER, keeping(3));
    expect(await getPolicy(writer, USER)).toEqual({ id, target: USER, policy: keeping(3) });
    expect((await listPolicies(writer)).map(({ target }) => target)).toEqual([at('/p'), USER]);
    expect(await getPolicy(writer, HOST)).toBeUndefined();
  });

  it('are removed, every manifest of the target', async () => {
    const { writer } = new FakeRepository();
    await writer.putManifest(policyLabels(USER), policyPayload(keeping(1)));
    await writer.putManifest(policyLabels(USER), policyPayload(keeping(2)));
    expect(await removePolicy(writer, USER)).toBe(true);
    expect(await removePolicy(writer, USER)).toBe(false);
    expect(await listPolicies(writer)).toEqual([]);
  });

  it('are shown as the latest and in force as the oldest, if a target has several', async () => {
    const { writer } = new FakeRepository();
    await writer.putManifest(policyLabels(USER), policyPayload(keeping(1)));
    await writer.putManifest(policyLabels(USER), policyPayload(keeping(2)));
    expect((await getPolicy(writer, USER))?.policy).toEqual(keeping(2));
    const { policy } = await getEffectivePolicy(writer, USER);
    expect(policy.retention.keepLatest).toBe(1);
  });

  it('are stored with sorted extensions', async () => {
    const repository = new FakeRepository();
    const compression = { neverCompress: ['.b', '.a', '.b'], onlyCompress: ['.d', '.c'] };
    await setPolicy(repository.writer, USER, { ...EMPTY_POLICY, compression });
    expect(repository.payloads[0]).toContain(
      '"compression":{"onlyCompress":[".c",".d"],"neverCompress":[".a",".b"]}',
    );
  });

  it('in force come from the path, its parents, the user, the host, everyone and the defaults', async () => {
    const { writer } = new FakeRepository();
    await setPolicy(writer, GLOBAL, keeping(1, { splitter: { algorithm: 'FIXED' } }));
    await setPolicy(writer, HOST, keeping(2, { compression: { compressorName: 'zstd' } }));
    await setPolicy(writer, USER, keeping(3, { files: { maxFileSize: 7 } }));
    await setPolicy(writer, at('/'), keeping(4, { errorHandling: { ignoreFileErrors: true } }));
    await setPolicy(writer, at('/a'), keeping(5));
    await setPolicy(writer, { ...at('/a'), userName: 'other' }, keeping(6));
    const { policy, origins } = await getEffectivePolicy(writer, at('/a/b'));
    expect(policy).toMatchObject({
      retention: { keepLatest: 5, keepDaily: 7 },
      splitter: { algorithm: 'FIXED' },
      compression: { compressorName: 'zstd' },
      files: { maxFileSize: 7 },
      errorHandling: { ignoreFileErrors: true },
    });
    expect(origins.get('retention.keepLatest')).toEqual(at('/a'));
    expect(origins.get('errorHandling.ignoreFileErrors')).toEqual(at('/'));
    expect(origins.get('files.maxFileSize')).toEqual(USER);
    expect(origins.get('compression.compressorName')).toEqual(HOST);
    expect(origins.get('splitter.algorithm')).toEqual(GLOBAL);
    expect(origins.get('retention.keepDaily')).toBe('default');
  });

  it('take folder actions from the path itself only', async () => {
    const { writer } = new FakeRepository();
    const actions = { beforeFolder: { path: 'x' } };
    await setPolicy(writer, at('/a'), { ...EMPTY_POLICY, actions });
    expect((await getEffectivePolicy(writer, at('/a'))).policy.actions).toEqual(actions);
    expect((await getEffectivePolicy(writer, at('/a/b'))).policy.actions).toEqual({});
  });

  it('below a source are nodes of its tree, as stored', async () => {
    const { writer } = new FakeRepository();
    await setPolicy(writer, at('/a/b/c'), keeping(2));
    await setPolicy(writer, at('/ab'), keeping(3));
    await setPolicy(writer, at('/a'), keeping(4));
    const tree = await loadPolicyTree(writer, at('/a'));
    expect(tree.policy.retention).toMatchObject({ keepLatest: 4, keepDaily: 7 });
    expect(tree.child('b').policy).toBe(tree.policy);
    expect(tree.child('b').child('c').policy).toEqual(keeping(2));
    expect(tree.child('ab').definedPolicy).toBeUndefined();
  });

  it.each<[SourceInfo, Partial<Policy>]>([
    [at('/a/'), {}],
    [at('C:\\a\\'), {}],
    [at('/a'), { upload: { maxParallelSnapshots: 1 } }],
    [USER, { upload: { parallelUploadAboveSize: 0 } }],
    [USER, { scheduling: { manual: true, runMissed: false } }],
    [USER, { scheduling: { timeOfDay: [{ hour: 24, min: 0 }] } }],
    [USER, { compression: { compressorName: 'brotli' } }],
    [USER, { metadataCompression: { compressorName: 'brotli' } }],
  ])('for %j cannot say %j', async (target, sections) => {
    const repository = new FakeRepository();
    await expect(
      setPolicy(repository.writer, target, { ...EMPTY_POLICY, ...sections }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(repository.payloads).toEqual([]);
  });

  it('may be for a root, and may be manual', async () => {
    const repository = new FakeRepository();
    await setPolicy(repository.writer, at('/'), {
      ...EMPTY_POLICY,
      scheduling: { manual: true, cron: undefined },
    });
    expect(repository.payloads[0]).toContain('"scheduling":{"manual":true}');
  });

  it('that are damaged name their manifest', async () => {
    const { writer } = new FakeRepository();
    const id = await writer.putManifest(policyLabels(USER), { retention: 5 });
    await expect(getPolicy(writer, USER)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining(id) as string,
    });
  });
});
