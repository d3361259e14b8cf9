import { expect, it } from 'vitest';
import { createManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage } from '../blob/memory-storage.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { DEFAULT_EPOCH_PARAMETERS, validateEpochParameters } from '../format/epoch-parameters.ts';
import type { EpochParameters } from '../format/parameters.ts';
import { EpochManager, type MergeIndexBlobs } from './epoch-manager.ts';

const MINUTE = 60_000_000_000n;
const HOUR = 60n * MINUTE;
const WRITERS = 20;
const HOURS = 1000;

/** What epochs of an hour at least give; all else is as in every new repository. */
const HOURLY: EpochParameters = { ...DEFAULT_EPOCH_PARAMETERS, minEpochDuration: HOUR };

interface Outcome {
  /** Index blobs in the storage after each maintenance, those that no longer count included. */
  readonly most: number;
  readonly last: readonly string[];
}

/**
 * Each writer adds an index blob every hour, spread over the hour or all at once, and quick maintenance runs hourly.
 * Files are lists of numbers: the index must hold every number that was ever written.
 */
async function simulate(parameters: EpochParameters, spread: boolean): Promise<Outcome> {
  validateEpochParameters(parameters);
  const time = createManualTime();
  const storage = createMemoryStorage(time);
  let sets = 0;
  const create = (): EpochManager =>
    new EpochManager({
      storage,
      clock: time.clock,
      random: (target) => new DataView(target.buffer).setUint32(0, ++sets),
      parameters: () => parameters,
      seal: (plaintext, suffix) => ({ name: `${++sets}-${suffix}`, bytes: plaintext }),
    });
  const read: MergeIndexBlobs = async (blobs) => {
    const numbers = new Set<string>();
    for (const { id } of blobs) {
      const text = decodeUtf8(await storage.getBlob(id), id);
      for (const number of text.split(' ')) numbers.add(number);
    }
    return [encodeUtf8([...numbers].join(' '))];
  };
  const writers = Array.from({ length: WRITERS }, create);
  const maintenance = create();
  const indexBlobs = async (): Promise<string[]> => {
    const names: string[] = [];
    for await (const { id } of storage.listBlobs('x')) if (/^x[nsr]/.test(id)) names.push(id);
    return names;
  };
  let most = 0;
  let written = 0;
  for (let hour = 0; hour < HOURS; hour++) {
    if (!spread) time.advance(HOUR);
    for (const writer of writers) {
      if (spread) time.advance(HOUR / BigInt(WRITERS));
      const number = written++;
      await writer.writeIndexBlobs([{ name: `${number}-s1-c1`, bytes: encodeUtf8(`${number}`) }]);
    }
    maintenance.invalidate();
    while ((await maintenance.compactSingleEpoch(read)) !== undefined) maintenance.invalidate();
    await maintenance.advanceEpoch();
    await maintenance.compactRange(read);
    await maintenance.cleanupMarkers();
    await maintenance.cleanupSuperseded(async () => new Set());
    most = Math.max(most, (await indexBlobs()).length);
  }
  const { blobs } = await create().loadActive();
  const [all] = await read(blobs, {});
  expect(decodeUtf8(all!, 'all').split(' ')).toHaveLength(written);
  return { most, last: await indexBlobs() };
}

it.each([true, false])(
  'index blobs of 20 writers that write hourly for 1,000 hours stay below 200 with epochs of an hour, spread: %s',
  async (spread) => {
    const { most, last } = await simulate(HOURLY, spread);
    expect(most).toBeLessThan(200);
    // However many epochs have passed, what is merged is merged again.
    expect(last.filter((name) => !name.startsWith('xn')).length).toBeLessThan(40);
  },
);

it('epochs of a day cannot hold fewer than two days of index blobs, whatever maintenance does', async () => {
  const { most } = await simulate(DEFAULT_EPOCH_PARAMETERS, true);
  expect(most).toBeGreaterThan(2 * 24 * WRITERS);
  expect(most).toBeLessThan(3 * 24 * WRITERS);
});
