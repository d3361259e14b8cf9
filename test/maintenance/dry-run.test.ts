import { type BlobStorage, type MaintenanceEvent } from '@longshore/repo';
import { maintainRepository } from '@longshore/snapshot';
import { describe, expect, it } from 'vitest';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import { DAY, HOUR, uniqueText, VirtualRepository } from './virtual-repository.ts';

function refuse(): never {
  throw new Error('a dry run changes nothing');
}

function refusingChanges(inner: BlobStorage): BlobStorage {
  return decorateStorage(inner, {
    putBlob: refuse,
    deleteBlob: refuse,
    extendRetention: refuse,
  });
}

/** What was changed, without the tasks that look at what others did before them in the same run. */
function changesOf(events: readonly MaintenanceEvent[]): readonly string[] {
  return events
    .filter((event) => event.type === 'change')
    .map(({ task, action, id, bytes, reason }) => `${task} ${action} ${id} ${bytes} ${reason}`)
    .toSorted();
}

describe.each([1, 3] as const)('a dry run, format version %i', (version) => {
  it('writes nothing and says what each task would do', async () => {
    const virtual = await VirtualRepository.create({ version });
    const first = await virtual.snapshot({ a: uniqueText('a') });
    for (let i = 0; i < 10; i++) await virtual.snapshot({ i: uniqueText(`${i}`) }, `/${i}`);
    await virtual.deleteSnapshot(first);
    for (let step = 0; step < 14; step++) {
      virtual.time.advance(step % 3 === 0 ? 2n * HOUR : DAY);
      const dryEvents: MaintenanceEvent[] = [];
      const events: MaintenanceEvent[] = [];
      const mode = step % 3 === 1 ? 'quick' : 'full';
      await using dry = await virtual.over(refusingChanges(virtual.storage));
      const result = await maintainRepository(dry, {
        mode,
        dryRun: true,
        onEvent: (event) => dryEvents.push(event),
      });
      expect(result.mode).toBe(mode);
      const copy = await virtual.clone();
      await using repository = await copy.open();
      await maintainRepository(repository, { mode, onEvent: (event) => events.push(event) });
      // Each task looks at what is there now; what an earlier task of the run would change is not there yet.
      const real = new Set(changesOf(events));
      const firstTask = changesOf(events).filter((text) =>
        /^snapshot-gc|^compact|^advance/.test(text),
      );
      const planned = changesOf(dryEvents);
      expect(planned.filter((text) => /^snapshot-gc|^compact|^advance/.test(text))).toEqual(
        firstTask,
      );
      for (const text of planned.filter((line) => line.includes(' delete-blob '))) {
        expect(real).toContain(text);
      }
      await virtual.maintain({ mode });
    }
  });

  it('of a repository in which everything is due names deletions with their reasons', async () => {
    const virtual = await VirtualRepository.create({ version });
    const expired = await virtual.snapshot({ a: uniqueText('a') });
    await virtual.snapshot({ b: uniqueText('b') }, '/b');
    await virtual.deleteSnapshot(expired);
    const seen = new Map<string, string>();
    for (let day = 0; day < 9; day++) {
      virtual.time.advance(DAY);
      await using dry = await virtual.over(refusingChanges(virtual.storage));
      await maintainRepository(dry, {
        mode: 'full',
        dryRun: true,
        onEvent: (event) => {
          if (event.type === 'change') seen.set(event.action, event.reason);
          if (event.type === 'task-postponed') seen.set(`not ${event.task}`, event.reason);
        },
      });
      await virtual.maintain();
    }
    expect(seen.get('delete-content')).toBe('no snapshot needs it');
    expect(seen.get('delete-blob')).toBe('no content in the index lies in it');
    expect(seen.get('rewrite-content')).toMatch(/^its pack [pq].* is short$/);
    expect(seen.get(version === 1 ? 'write-index' : 'advance-watermark')).toMatch(
      /deleted (before|until) 2024-/,
    );
    expect(seen.get('not full-drop-deleted-content')).toMatch(/^it takes two collections/);
    expect(seen.get('not full-rewrite-contents')).toMatch(/^the packs that the last rewrite/);
  });
});
