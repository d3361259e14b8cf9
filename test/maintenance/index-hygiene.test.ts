import {
  createObservedStorage,
  createStorageCounters,
  writeSession,
} from '@longshore/repo';
import { maintainRepository } from '@longshore/snapshot';
import { expect, it } from 'vitest';
import { buildIndex } from '../../packages/repo/src/content/index/index-builder.ts';
import { HOUR, SECOND, snapshotFiles, VirtualRepository } from './virtual-repository.ts';

const WRITERS = 20;
const SNAPSHOTS = 1000;

async function indexBlobCount(virtual: VirtualRepository): Promise<number> {
  const all = await virtual.names('x');
  return all.filter((name) => /^x[nsr]/.test(name)).length;
}

it('1,000 hourly snapshots by 20 writers stay below 200 index blobs', async () => {
  const virtual = await VirtualRepository.create();
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, (_, index) => virtual.open(`writer${index}`)),
  );
  await using owner = await virtual.open();
  let most = 0;
  for (let hour = 0; hour < SNAPSHOTS; hour++) {
    virtual.time.advance(HOUR);
    const client = writers[hour % WRITERS]!;
    const files = { hour: `hour ${hour}`, writer: `writer ${hour % WRITERS}` };
    await writeSession(client, {}, (writer) =>
      snapshotFiles(writer, files, `/${hour % WRITERS}`),
    );
    const { mode } = await maintainRepository(owner, { mode: 'auto' });
    if (mode !== undefined) most = Math.max(most, await indexBlobCount(virtual));
  }
  expect(most).toBeLessThan(200);
  expect((await virtual.read()).size).toBe(SNAPSHOTS);
});

it('10,000 index blobs are read once each, and five days of maintenance leave less than 200', async () => {
  const virtual = await VirtualRepository.create();
  await virtual.snapshot({ a: 'one file' });
  await using owner = await virtual.open();
  const count = 10_000;
  const [info] = owner.contents.iterateContents({ prefix: '' });
  for (let n = 1; n <= count; n++) {
    // Older entries for a content that is there: each is read, none wins.
    const entry = { ...info!, timestampSeconds: info!.timestampSeconds - n };
    const [file] = buildIndex([entry], { version: 2 });
    const blob = owner.sealer.seal(file!, 'xn0_', `s${n.toString(16).padStart(16, '0')}147-c1`);
    await virtual.storage.putBlob(blob.id, blob.bytes);
    virtual.time.advance(30n * SECOND);
  }
  const { counters, onEvent } = createStorageCounters();
  const { clock } = virtual.time;
  const startedAt = performance.now();
  await using reader = await virtual.over(
    createObservedStorage(virtual.storage, { clock, onEvent }),
    'reader',
  );
  const elapsedMs = performance.now() - startedAt;
  expect([...reader.contents.iterateContents({ prefix: '' })]).toEqual([info]);
  expect(counters.get.calls).toBeLessThan(count + 20);
  expect(counters.list.calls).toBeLessThan(20);
  // Measured: about two seconds on an idle machine.
  expect(elapsedMs).toBeLessThan(60_000);
  for (let hour = 0; hour < 120; hour++) {
    virtual.time.advance(HOUR);
    await writeSession(reader, {}, (writer) => snapshotFiles(writer, { hour: `${hour}` }, '/b'));
    await maintainRepository(owner, { mode: 'auto' });
  }
  expect(await indexBlobCount(virtual)).toBeLessThan(200);
  expect((await virtual.read()).size).toBe(121);
});
