import { createObservedStorage, createStorageCounters } from '@longshore/repo';
import { maintainRepository, type SnapshotManifest } from '@longshore/snapshot';
import { expect, it } from 'vitest';
import { buildIndex } from '../../packages/repo/src/content/index/index-builder.ts';
import { HOUR, SECOND, snapshotFiles, VirtualRepository } from './virtual-repository.ts';

const WRITERS = 20;
const SNAPSHOTS = 1000;

/** Snapshots that retention leaves. */
const KEPT = 60;

async function indexBlobCount(virtual: VirtualRepository): Promise<number> {
  const all = await virtual.names('x');
  return all.filter((name) => /^x[nsr]/.test(name)).length;
}

it('1,000 hourly snapshots by 20 writers stay below 200 index blobs', async () => {
  const virtual = await VirtualRepository.create();
  const clients = await Promise.all(
    Array.from({ length: WRITERS }, (_, index) => virtual.open(index === 0 ? 'owner' : `${index}`)),
  );
  // A writer goes on after a flush, and its buffers with it.
  const writers = clients.map((client) => client.newWriter());
  const kept: SnapshotManifest[] = [];
  let most = 0;
  for (let hour = 0; hour < SNAPSHOTS; hour++) {
    virtual.time.advance(HOUR);
    const turn = hour % WRITERS;
    const expired = hour >= KEPT ? kept[hour - KEPT] : undefined;
    const writer = writers[turn]!;
    // The ten minutes after which a writer commits by itself count from here, as for a new one.
    await writer.flush();
    if (expired !== undefined) await writer.deleteManifest(expired.id);
    kept.push(await snapshotFiles(writer, { hour: `hour ${hour}` }, `/${turn}`));
    await writer.flush();
    // As after each backup by the command line: only one of the clients is the owner.
    const { mode } = await maintainRepository(clients[turn]!, { mode: 'auto' });
    if (mode !== undefined) most = Math.max(most, await indexBlobCount(virtual));
  }
  expect(most).toBeGreaterThan(20);
  expect(most).toBeLessThan(200);
  const read = await virtual.read();
  expect([...read.keys()].toSorted()).toEqual(
    kept
      .slice(-KEPT)
      .map(({ id }) => id)
      .toSorted(),
  );
});

/** A thousand show the same as these, for as long as they take; `epoch-hygiene.test.ts` has a thousand of epochs alone. */
const HOURS = Number(process.env['LONGSHORE_HYGIENE_HOURS'] ?? 24);

it('20 writers that each snapshot hourly stay below 200 with epochs of an hour', async () => {
  const virtual = await VirtualRepository.create({ epochs: { minEpochDuration: HOUR } });
  const clients = await Promise.all(
    Array.from({ length: WRITERS }, (_, index) => virtual.open(index === 0 ? 'owner' : `${index}`)),
  );
  const writers = clients.map((client) => client.newWriter());
  const latest = new Map<number, SnapshotManifest>();
  let most = 0;
  for (let hour = 0; hour < HOURS; hour++) {
    for (const [turn, writer] of writers.entries()) {
      virtual.time.advance(HOUR / BigInt(WRITERS));
      await writer.flush();
      const before = latest.get(turn);
      if (before !== undefined) await writer.deleteManifest(before.id);
      latest.set(turn, await snapshotFiles(writer, { hour: `${turn} ${hour}` }, `/${turn}`));
      await writer.flush();
      const { mode } = await maintainRepository(clients[turn]!, { mode: 'auto' });
      if (mode !== undefined) most = Math.max(most, await indexBlobCount(virtual));
    }
  }
  expect(most).toBeGreaterThan(100);
  expect(most).toBeLessThan(200);
  const read = await virtual.read();
  expect([...read].map(([id, files]) => `${id} ${files['hour']}`).toSorted()).toEqual(
    [...latest].map(([turn, { id }]) => `${id} ${turn} ${HOURS - 1}`).toSorted(),
  );
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
  await using writer = reader.newWriter();
  for (let hour = 0; hour < 120; hour += 2) {
    virtual.time.advance(2n * HOUR);
    await snapshotFiles(writer, { hour: `${hour}` }, '/b');
    await writer.flush();
    await maintainRepository(owner, { mode: 'auto' });
  }
  expect(await indexBlobCount(virtual)).toBeLessThan(200);
  expect((await virtual.read()).size).toBe(61);
});
