import { utimesSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { BlobStorage, MemoryStorage } from '@longshore/repo';
import { openFilesystemStorage } from '@longshore/repo/node';
import { maintainRepository } from '@longshore/snapshot';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { LongshoreClient } from '../longshore.ts';
import {
  HOUR,
  MINUTE,
  PASSWORD,
  snapshotFiles,
  VirtualRepository,
} from '../maintenance/virtual-repository.ts';
import { Workspace } from './workspace.ts';

const binary = findKopia();

async function copyTo(path: string, from: MemoryStorage): Promise<void> {
  await using target: BlobStorage = await openFilesystemStorage({ path, dirShards: [] });
  for await (const { id, timestamp } of from.listBlobs('')) {
    await target.putBlob(id, await from.getBlob(id));
    const seconds = Number(timestamp / 1_000_000n) / 1000;
    utimesSync(`${path}/${id}.f`, seconds, seconds);
  }
}

it.skipIf(isKopiaMissing(binary, 'merged index ranges', 1))(
  'Kopia reads, verifies and maintains what merged ranges have left, and goes on from there',
  async () => {
    using workspace = new Workspace('hygiene');
    // Ranges of two epochs, so that eight of them are merged within two days.
    const virtual = await VirtualRepository.create({
      derivesKeys: true,
      epochs: {
        minEpochDuration: 30n * MINUTE,
        epochRefreshFrequency: 10n * MINUTE,
        cleanupSafetyMargin: 30n * MINUTE,
        epochAdvanceOnCountThreshold: 10,
        fullCheckpointFrequency: 1,
      },
    });
    await using owner = await virtual.open();
    const writer = owner.newWriter();
    const kept: string[] = [];
    for (let hour = 0; hour < 50; hour++) {
      for (let n = 0; n < 12; n++) {
        virtual.time.advance(HOUR / 12n);
        await writer.flush();
        await writer.contents.writeContent(new TextEncoder().encode(`${hour} ${n}`));
        await writer.flush();
      }
      if (hour % 10 === 0) {
        kept.push((await snapshotFiles(writer, { hour: `${hour}` }, `/data`)).id);
        await writer.flush();
      }
      await maintainRepository(owner, { mode: 'quick' });
    }
    const ranges = (await virtual.names('xr')).map((name) => name.split('_').slice(0, 2).join('_'));
    const spans = ranges.map((name) => {
      const [first, last] = name.slice(2).split('_').map(Number);
      return last! - first! + 1;
    });
    expect(Math.max(...spans)).toBeGreaterThanOrEqual(16);
    expect(ranges.length).toBeLessThan(16);
    expect((await virtual.names('xs')).length).toBeLessThan(6);

    const path = workspace.folder('repository');
    await copyTo(path, virtual.storage);
    await using kopia = await KopiaClient.connect({
      binary: binary ?? '',
      password: PASSWORD,
      path,
      userName: 'owner',
      hostName: 'host',
    });
    const listed = (): Promise<string[]> =>
      kopia.snapshots().then((all) => all.map(({ id }) => id).toSorted());
    expect(await listed()).toEqual(kept.toSorted());
    await kopia.verify();
    expect((await kopia.json<unknown[]>('content', 'list')).length).toBeGreaterThan(600);
    await kopia.run('maintenance', 'run', '--full');
    await kopia.verify();
    const tree = workspace.folder('tree');
    kept.push((await kopia.snapshot(tree)).id);
    await kopia.run('maintenance', 'run', '--full');
    expect(await listed()).toEqual(kept.toSorted());
    await using longshore = await LongshoreClient.open({ path, password: PASSWORD });
    expect((await longshore.snapshots()).map(({ id }) => String(id)).toSorted()).toEqual(
      kept.toSorted(),
    );
    expect((await longshore.verify()).errorCount).toBe(0);
  },
);
