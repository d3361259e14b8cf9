import { parseObjectID, type ManifestID } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { FakeRepository } from './fake-repository.ts';
import { findPreviousSnapshots, selectPreviousSnapshots } from './previous-snapshots.ts';
import { EMPTY_STATS, type SnapshotDraft, type SnapshotManifest } from './snapshot-manifest.ts';
import { changePins } from './snapshot-pins.ts';
import { listSnapshots, loadSnapshot, saveSnapshot, updateSnapshot } from './snapshot-store.ts';

const SOURCE = { host: 'h', userName: 'u', path: '/data' };

function draft(overrides: Partial<SnapshotDraft> = {}): SnapshotDraft {
  return {
    source: SOURCE,
    description: 'nightly',
    startTime: 10n,
    endTime: 20n,
    stats: EMPTY_STATS,
    rootEntry: {
      name: 'data',
      type: 'd',
      mode: 0o755,
      size: 0,
      mtime: 5n,
      uid: 0,
      gid: 0,
      objectID: parseObjectID('kab00'),
    },
    tags: {},
    pins: [],
    ...overrides,
  };
}

describe('snapshots in a repository', () => {
  it('are read as they were saved', async () => {
    const { writer } = new FakeRepository();
    const saved = await saveSnapshot(writer, draft({ tags: { 'tag:a': 'b' }, pins: ['keep'] }));
    expect(await loadSnapshot(writer, saved.id)).toEqual(saved);
    const labels = (await writer.findManifests({ 'tag:a': 'b' }))[0]?.labels;
    expect(labels).toEqual({
      type: 'snapshot',
      hostname: 'h',
      username: 'u',
      path: '/data',
      'tag:a': 'b',
    });
  });

  it('are listed for one source or for all', async () => {
    const { writer } = new FakeRepository();
    const first = await saveSnapshot(writer, draft());
    const other = await saveSnapshot(writer, draft({ source: { ...SOURCE, path: '/other' } }));
    await writer.putManifest({ type: 'policy', policyType: 'global' }, {});
    expect(await listSnapshots(writer)).toEqual([first, other]);
    expect(await listSnapshots(writer, SOURCE)).toEqual([first]);
  });

  it('get a new ID when they are updated, and the old one is gone', async () => {
    const repository = new FakeRepository();
    const { writer } = repository;
    const saved = await saveSnapshot(writer, draft({ unknownFields: { future: 1 } }));
    const updated = await updateSnapshot(writer, { ...saved, pins: ['keep'] });
    expect(updated.id).not.toBe(saved.id);
    expect(await listSnapshots(writer)).toEqual([updated]);
    expect(repository.payloads[0]).toContain('"id":""');
    expect(repository.payloads[0]).toContain('"future":1');
    await expect(loadSnapshot(writer, saved.id)).rejects.toMatchObject({
      code: 'MANIFEST_NOT_FOUND',
    });
  });

  it('are not mistaken for other manifests', async () => {
    const { writer } = new FakeRepository();
    const id: ManifestID = await writer.putManifest({ type: 'policy', policyType: 'global' }, {});
    await expect(loadSnapshot(writer, id)).rejects.toMatchObject({ code: 'MANIFEST_NOT_FOUND' });
  });

  it.each(['host', 'userName', 'path'])('need a %s', async (part) => {
    const { writer } = new FakeRepository();
    const snapshot = draft({ source: { ...SOURCE, [part]: '' } });
    await expect(saveSnapshot(writer, snapshot)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it.each(['type', 'hostname', 'username', 'path'])('have no tag named %s', async (tag) => {
    const { writer } = new FakeRepository();
    await expect(saveSnapshot(writer, draft({ tags: { [tag]: 'x' } }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

function listed(
  ...snapshots: readonly [name: string, startTime: bigint, incomplete?: string][]
): SnapshotManifest[] {
  return snapshots.map(([name, startTime, incomplete]) => ({
    ...draft({ description: name, startTime, incomplete }),
    id: name as ManifestID,
  }));
}

describe('previous snapshots', () => {
  it('are the latest complete one and every incomplete one that started later', () => {
    const snapshots = listed(
      ['a', 5n, 'checkpoint'],
      ['b', 10n],
      ['c', 30n, 'checkpoint'],
      ['d', 20n],
      ['e', 25n, 'canceled'],
      ['f', 20n, 'checkpoint'],
    );
    expect(selectPreviousSnapshots(snapshots).map(({ id }) => id)).toEqual(['d', 'c', 'e']);
  });

  it('are all incomplete ones if none is complete', () => {
    const snapshots = listed(['a', 5n, 'checkpoint'], ['b', 3n, 'canceled']);
    expect(selectPreviousSnapshots(snapshots).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(selectPreviousSnapshots([])).toEqual([]);
  });

  it('do not start after the limit', async () => {
    const { writer } = new FakeRepository();
    const first = await saveSnapshot(writer, draft({ startTime: 10n }));
    await saveSnapshot(writer, draft({ startTime: 20n }));
    expect(await findPreviousSnapshots(writer, SOURCE, { noLaterThan: 19n })).toEqual([first]);
    expect(await findPreviousSnapshots(writer, { ...SOURCE, path: '/x' })).toEqual([]);
  });
});

describe('pins', () => {
  it('stay sorted and unique', () => {
    expect(changePins(['b'], { add: ['c', 'a', 'b'] })).toEqual(['a', 'b', 'c']);
    expect(changePins(['a', 'b'], { add: ['c'], remove: ['a', 'x'] })).toEqual(['b', 'c']);
    expect(changePins(['a'], { remove: ['a'] })).toEqual([]);
  });

  it('that stay as they are need no update', () => {
    expect(changePins(['a', 'b'], { add: ['a'], remove: ['x'] })).toBeUndefined();
    expect(changePins([], {})).toBeUndefined();
  });
});
