import { describe, expect, it } from 'vitest';
import { FakeRepository } from '../fake-repository.ts';
import { EMPTY_STATS, type SnapshotDraft } from '../snapshot-manifest.ts';
import { listSnapshots, saveSnapshot } from '../snapshot-store.ts';
import { formatSource, type SourceInfo } from '../source-info.ts';
import { copyHistory, type CopyHistoryOptions } from './copy-history.ts';

function source(userName: string, host: string, path = ''): SourceInfo {
  return { userName, host, path };
}

function draft(of: SourceInfo, startTime: bigint): SnapshotDraft {
  return {
    source: of,
    description: 'kept',
    startTime,
    endTime: startTime + 1n,
    stats: EMPTY_STATS,
    rootEntry: undefined,
    tags: { 'tag:a': 'b' },
    pins: ['pin'],
  };
}

async function historyOf(...sources: readonly SourceInfo[]): Promise<FakeRepository> {
  const repository = new FakeRepository();
  for (const [index, each] of sources.entries()) {
    await saveSnapshot(repository.writer, draft(each, BigInt(index + 1)));
  }
  return repository;
}

async function copied(
  repository: FakeRepository,
  options: CopyHistoryOptions,
): Promise<readonly string[]> {
  await copyHistory(repository.writer, options);
  const all = await listSnapshots(repository.writer);
  return all.map((each) => formatSource(each.source)).sort();
}

describe('copying a history', () => {
  it('leaves the snapshots where they were, with all they have', async () => {
    const repository = await historyOf(source('u', 'old', '/a'), source('u', 'old', '/b'));
    expect(await copied(repository, { from: source('u', 'old'), to: source('', 'new') })).toEqual([
      'u@new:/a',
      'u@new:/b',
      'u@old:/a',
      'u@old:/b',
    ]);
    const [copy] = await listSnapshots(repository.writer, source('u', 'new', '/a'));
    expect(copy).toMatchObject({ description: 'kept', pins: ['pin'], tags: { 'tag:a': 'b' } });
  });

  it('copies nothing a second time', async () => {
    const repository = await historyOf(source('u', 'old', '/a'));
    const options = { from: source('', 'old'), to: source('', 'new') };
    await copyHistory(repository.writer, options);
    const events: string[] = [];
    await copyHistory(repository.writer, { ...options, onEvent: ({ type }) => events.push(type) });
    expect(events).toEqual(['existing']);
    expect(repository.payloads).toHaveLength(2);
  });

  it('takes only sources that match', async () => {
    const repository = await historyOf(source('u', 'h', '/a'), source('v', 'h', '/a'));
    expect(
      await copied(repository, { from: source('u', 'h', '/a'), to: source('u', 'h', '/c') }),
    ).toEqual(['u@h:/a', 'u@h:/c', 'v@h:/a']);
  });

  it('writes nothing when it is dry', async () => {
    const repository = await historyOf(source('u', 'old', '/a'));
    const events: string[] = [];
    await copyHistory(repository.writer, {
      from: source('', 'old'),
      to: source('', 'new'),
      move: true,
      dryRun: true,
      onEvent: ({ type, to }) => events.push(`${type} ${formatSource(to)}`),
    });
    expect(events).toEqual(['copied u@new:/a']);
    expect(repository.payloads).toHaveLength(1);
  });

  it.each([
    { what: 'paths', from: source('u', 'h'), to: source('u', 'h', '/c') },
    { what: 'users', from: source('', 'h'), to: source('v', 'h') },
  ])('refuses to make one history of those of several $what', async ({ from, to }) => {
    const repository = await historyOf();
    await expect(copyHistory(repository.writer, { from, to })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

describe('moving a history', () => {
  it('deletes what it copied, and what was at the destination already', async () => {
    const repository = await historyOf(source('u', 'old', '/a'), source('u', 'old', '/b'));
    await saveSnapshot(repository.writer, draft(source('u', 'new', '/a'), 1n));
    expect(
      await copied(repository, { from: source('u', 'old'), to: source('u', 'new'), move: true }),
    ).toEqual(['u@new:/a', 'u@new:/b']);
  });

  it('to where it is changes nothing', async () => {
    const repository = await historyOf(source('u', 'h', '/a'));
    expect(
      await copied(repository, { from: source('u', 'h'), to: source('u', 'h'), move: true }),
    ).toEqual(['u@h:/a']);
  });
});
