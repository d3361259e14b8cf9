import { createSystemClock, webRandomSource, type ManifestID } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { expect, it } from 'vitest';
import type { DirectoryEntry } from '../entry.ts';
import { DEFAULT_POLICY } from '../policy/policy.ts';
import { buildPolicyTree } from '../policy/policy-tree.ts';
import { readDirectory } from '../repository-entry.ts';
import type { SnapshotDraft } from '../snapshot-manifest.ts';
import { createTestRepository } from '../tree-fixture.ts';
import { MemorySource } from './memory-source.ts';
import { uploadTree } from './uploader.ts';

it('keeps in a checkpoint what is finished while the checkpoint is taken', async () => {
  const { repository } = await createTestRepository(nativeAlgorithms());
  await using writer = repository.newWriter();
  const source = new MemorySource();
  const started = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const released = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const quickIsDone = Promise.withResolvers<void>();
  const waiting = (name: string, index: 0 | 1): DirectoryEntry => ({
    ...source.directory(name, []),
    readChildren: async () => {
      started[index].resolve();
      await released[index].promise;
      return [source.file('inside', name)];
    },
  });

  // The first directory to be stored is the checkpoint of `slow`: it takes until `quick` is uploaded.
  let isFirst = true;
  const pausing = new Proxy(writer, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...parameters: unknown[]): Promise<unknown> => {
        if (isFirst && name === 'writeObject') {
          isFirst = false;
          released[1].resolve();
          await quickIsDone.promise;
        }
        return Reflect.apply(value, target, parameters) as unknown;
      };
    },
  });

  const saved = Promise.withResolvers<SnapshotDraft>();
  let sleeps = 0;
  const root = source.directory('data', [waiting('slow', 0), waiting('quick', 1)]);
  const uploaded = uploadTree(pausing, root, {
    source: { host: 'host', userName: 'user', path: '/data' },
    policy: buildPolicyTree(DEFAULT_POLICY),
    clock: createSystemClock(),
    random: webRandomSource,
    defaultParallelism: 4,
    sleep: async (_, signal) => {
      sleeps += 1;
      if (sleeps === 1) await Promise.all(started.map(({ promise }) => promise));
      else await new Promise((_, reject) => signal?.addEventListener('abort', reject));
    },
    checkpoints: {
      intervalMs: 1,
      save: async (draft) => {
        saved.resolve(draft);
        return '' as ManifestID;
      },
    },
    onEvent: (event) => {
      // After the event the parent still has to take the directory in.
      if (event.type === 'directory-finished' && event.path === 'quick') {
        setTimeout(quickIsDone.resolve, 0);
      }
    },
  });
  const { rootEntry } = await saved.promise;
  const { entries } = await readDirectory(writer, rootEntry!.objectID!);
  released[0].resolve();
  await uploaded;
  expect(entries.map(({ name, summary }) => [name, summary?.files, summary?.incomplete])).toEqual([
    ['quick', 1, undefined],
    ['slow', 0, 'checkpoint'],
  ]);
});
