import { beforeEach, describe, expect, it } from 'vitest';
import { decorateStorage } from '../blob/decorate-storage.ts';
import { createManualTime, type ManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import { parseBlobID, type BlobID, type BlobStorage } from '../blob/storage.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { hasCode } from '../errors.ts';
import type { EpochParameters } from '../format/parameters.ts';
import {
  EpochManager,
  type EpochCleanup,
  type FindNeeded,
  type MergeIndexBlobs,
} from './epoch-manager.ts';
import { parseEpochs } from './epoch-names.ts';
import { EpochStateReader } from './epoch-state-reader.ts';

const MINUTE = 60_000_000_000n;
const HOUR = 60n * MINUTE;

const PARAMETERS: EpochParameters = {
  enabled: true,
  epochRefreshFrequency: 20n * MINUTE,
  fullCheckpointFrequency: 2,
  cleanupSafetyMargin: HOUR,
  minEpochDuration: HOUR,
  epochAdvanceOnCountThreshold: 2,
  epochAdvanceOnTotalSizeBytesThreshold: 1000,
  deleteParallelism: 4,
};

let time: ManualTime;
let storage: MemoryStorage;

beforeEach(() => {
  time = createManualTime();
  storage = createMemoryStorage(time);
});

/** Files are plain text here; a set's hash is its text. */
function createManager(over: BlobStorage = storage, clock: Clock = time.clock): EpochManager {
  let sets = 0;
  return new EpochManager({
    storage: over,
    clock,
    random: (target) => target.fill(++sets),
    parameters: () => PARAMETERS,
    seal: (plaintext, suffix) => ({
      name: `${decodeUtf8(plaintext, 'test')}-${suffix}`,
      bytes: plaintext,
    }),
  });
}

const named = (...names: readonly string[]): { name: string; bytes: Uint8Array }[] =>
  names.map((name) => ({ name, bytes: encodeUtf8(name) }));

const join: MergeIndexBlobs = async (inputs) => [
  encodeUtf8(
    inputs
      .map(({ id }) => id.replace(/^x._?/, '').replaceAll(/[^0-9a-z]/g, ''))
      .toSorted()
      .join('_'),
  ),
];

const keepNone: FindNeeded = async () => new Set();

async function idsOf(cleanup: Promise<EpochCleanup>): Promise<string[]> {
  const { blobs } = await cleanup;
  return blobs.map(({ id }): string => id).toSorted();
}

async function names(prefix = 'x'): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of storage.listBlobs(prefix)) ids.push(id);
  return ids.toSorted();
}

async function put(...ids: readonly string[]): Promise<void> {
  for (const id of ids) await storage.putBlob(parseBlobID(id), encodeUtf8(id));
}

/** The same storage, with something happening before each put. */
function beforeEachPut(action: (id: BlobID, count: number) => Promise<void>): BlobStorage {
  let count = 0;
  const target = storage;
  return decorateStorage(target, {
    putBlob: async (id, data, options) => {
      await action(id, ++count);
      return target.putBlob(id, data, options);
    },
  });
}

async function activeNames(manager: EpochManager): Promise<string[]> {
  const { blobs } = await manager.loadActive();
  return blobs.map(({ id }): string => id).toSorted();
}

describe('writing index blobs', () => {
  it('adds them to the write epoch, where every reader finds them', async () => {
    await put('xe3');
    const written = await createManager().writeIndexBlobs(named('a-s1-c2', 'b-s1-c2'));
    expect(written).toEqual(['xn3_a-s1-c2', 'xn3_b-s1-c2']);
    expect(await activeNames(createManager())).toEqual(['xn3_a-s1-c2', 'xn3_b-s1-c2']);
  });

  it('reloads a snapshot of which less than three quarters of its time is left', async () => {
    const manager = createManager();
    await manager.writeEpoch();
    await put('xe1');
    time.advance(4n * MINUTE);
    await manager.writeIndexBlobs(named('a-s1-c1'));
    expect(await names('xn')).toEqual(['xn0_a-s1-c1']);
    manager.invalidate();
    await manager.writeEpoch();
    await put('xe2');
    time.advance(6n * MINUTE);
    await manager.writeIndexBlobs(named('b-s1-c1'));
    expect(await names('xn')).toEqual(['xn0_a-s1-c1', 'xn2_b-s1-c1']);
  });

  it('moves all of them to the next epoch if that begins before all are put', async () => {
    const slow = beforeEachPut(async (id, count) => {
      if (count !== 1) return;
      expect(id).toBe('xn0_a-s1-c2');
      await put('xe1');
      time.advance(21n * MINUTE);
    });
    const written = await createManager(slow).writeIndexBlobs(named('a-s1-c2', 'b-s1-c2'));
    expect(written).toEqual(['xn1_a-s1-c2', 'xn1_b-s1-c2']);
    expect(await names('xn')).toEqual(['xn1_a-s1-c2', 'xn1_b-s1-c2']);
  });

  it('continues in the same epoch if only the snapshot expired', async () => {
    const puts: string[] = [];
    const slow = beforeEachPut(async (id) => {
      puts.push(id);
      time.advance(21n * MINUTE);
    });
    await createManager(slow).writeIndexBlobs(named('a-s1-c2', 'b-s1-c2'));
    expect(puts).toEqual(['xn0_a-s1-c2', 'xn0_b-s1-c2']);
  });

  it('accepts that one epoch began meanwhile, and undoes and fails after two', async () => {
    const one = beforeEachPut(() => put('xe1'));
    await createManager(one).writeIndexBlobs(named('a-s1-c1'));
    expect(await names('xn')).toEqual(['xn0_a-s1-c1']);
    const two = beforeEachPut(() => put('xe3'));
    const write = createManager(two).writeIndexBlobs(named('b-s1-c1'));
    await expect(write).rejects.toThrow(/written too slowly: epoch 3 has begun/);
    expect(await names('xn')).toEqual(['xn0_a-s1-c1']);
  });

  it('gives up if every put outlasts a snapshot', async () => {
    const manager = createManager(beforeEachPut(async () => time.advance(21n * MINUTE)));
    const blobs = named(...Array.from({ length: 12 }, (_, n) => `${n}-s1-c12`));
    await expect(manager.writeIndexBlobs(blobs)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });

  it('writes nothing more after an abort', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const aborting = beforeEachPut(async () => abort.abort(reason));
    const write = createManager(aborting).writeIndexBlobs(named('a-s1-c2', 'b-s1-c2'), {
      signal: abort.signal,
    });
    await expect(write).rejects.toBe(reason);
    expect((await names('xn')).length).toBeLessThanOrEqual(1);
  });
});

describe('the state', () => {
  it('is read anew once the refresh period is over, or when the clock went back', async () => {
    let now = 1000n * HOUR;
    const reader = new EpochStateReader({
      storage,
      clock: () => now,
      parameters: () => PARAMETERS,
    });
    const epoch = async (): Promise<number> => (await reader.current()).snapshot.writeEpoch;
    expect(await epoch()).toBe(0);
    await put('xe1');
    now += 20n * MINUTE - 1n;
    expect(await epoch()).toBe(0);
    now += 1n;
    expect(await epoch()).toBe(1);
    await put('xe2');
    now -= 1n;
    expect(await epoch()).toBe(2);
    await put('xe3');
    now += 1000n * HOUR;
    expect(await epoch()).toBe(3);
  });

  it('cannot be had from a storage that lists too slowly, and that is an error', async () => {
    let now = 0n;
    const clock = (): bigint => (now += 21n * MINUTE);
    const reader = new EpochStateReader({ storage, clock, parameters: () => PARAMETERS });
    await expect(reader.current()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await expect(reader.loadActive()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });

  it('finds the blobs of many unmerged epochs with one listing', async () => {
    await put('xe50', 'xs7_m-s1-c1');
    for (let epoch = 0; epoch <= 50; epoch++) await put(`xn${epoch}_a-s1-c1`);
    const expected = Array.from({ length: 51 }, (_, n) => `xn${n}_a-s1-c1`)
      .filter((name) => name !== 'xn7_a-s1-c1')
      .concat('xs7_m-s1-c1');
    expect(await activeNames(createManager())).toEqual(expected.toSorted());
  });
});

/** Two blobs, an epoch's duration apart, and the next epoch. */
async function fillEpoch(manager: EpochManager, name: string): Promise<void> {
  for (const part of ['a', 'b']) {
    await manager.writeIndexBlobs(named(`${name}${part}-s1-c1`));
    time.advance(HOUR);
  }
  manager.invalidate();
  expect((await manager.advanceEpoch()).advanced).toBe(true);
  manager.invalidate();
}

describe('maintenance', () => {
  it('advances an epoch only when it is due', async () => {
    const manager = createManager();
    await manager.writeIndexBlobs(named('a-s1-c1', 'b-s1-c1', 'c-s1-c1'));
    expect(await manager.advanceEpoch()).toEqual({ writeEpoch: 0, advanced: false });
    time.advance(HOUR);
    await manager.writeIndexBlobs(named('d-s1-c1'));
    expect(await manager.advanceEpoch()).toEqual({ writeEpoch: 1, advanced: true });
    expect(decodeUtf8(await storage.getBlob(parseBlobID('xe1')), 'marker')).toBe('epoch-marker');
  });

  it('merges settled epochs one by one and then into a range, and nothing gets lost', async () => {
    const manager = createManager();
    for (const name of ['e', 'f', 'g', 'h']) await fillEpoch(manager, name);
    expect(await manager.compactSingleEpoch(join)).toMatchObject({ first: 0, last: 0 });
    expect(await names('xs')).toEqual(['xs0_0eas1c1_0ebs1c1-s0101010101010101-c1']);
    manager.invalidate();
    expect(await manager.compactSingleEpoch(join)).toMatchObject({ first: 1, last: 1 });
    manager.invalidate();
    expect(await activeNames(manager)).toEqual([
      'xn2_ga-s1-c1',
      'xn2_gb-s1-c1',
      'xn3_ha-s1-c1',
      'xn3_hb-s1-c1',
      ...(await names('xs')),
    ]);
    const range = await manager.compactRange(join);
    expect(range).toMatchObject({ first: 0, last: 2 });
    expect(range!.inputs.map(({ id }) => id.slice(0, 4)).toSorted()).toEqual([
      'xn2_',
      'xn2_',
      'xs0_',
      'xs1_',
    ]);
    manager.invalidate();
    expect(await activeNames(manager)).toEqual([
      'xn3_ha-s1-c1',
      'xn3_hb-s1-c1',
      ...(await names('xr')),
    ]);
    expect(await manager.compactSingleEpoch(join)).toBeUndefined();
    expect(await manager.compactRange(join)).toBeUndefined();
  });

  it('refuses to merge over an epoch that no index blob is left of', async () => {
    await put('xe8', 'xr0_2_a-s1-c1', 'xr6_6_c-s1-c1');
    for (const epoch of [3, 4, 6]) await put(`xs${epoch}_a-s1-c1`);
    await put('xn7_a-s1-c1');
    const lost = {
      code: 'CORRUPT_DATA',
      message: expect.stringMatching(/epoch 5,.*"index recover --commit"/s),
    };
    await expect(createManager().compactRange(join)).rejects.toMatchObject(lost);
    await expect(createManager().compactSingleEpoch(join)).rejects.toMatchObject(lost);
    expect(await createManager().findGaps()).toEqual({ lostEpochs: [5], lostMarker: undefined });
    expect(await createManager().closeLostEpochs(join)).toEqual([5]);
    expect((await createManager().findGaps()).lostEpochs).toEqual([]);
    expect((await names('xr3_6_')).length).toBe(1);
  });

  it('sees by the names of index blobs that a marker is lost, and writes it again', async () => {
    await put('xe1', 'xn0_a-s1-c1', 'xn2_a-s1-c1');
    expect((await createManager().findGaps()).lostMarker).toBeUndefined();
    await put('xn3_a-s1-c1', 'xn1_a-s1-c1');
    expect((await createManager().findGaps()).lostMarker).toBe(3);
    await put('xs2_a-s1-c1');
    expect((await createManager().findGaps()).lostMarker).toBe(4);
    expect(await createManager().closeLostEpochs(join)).toEqual([]);
    expect(await names('xe')).toEqual(['xe1', 'xe4']);
  });

  it('merges a range in the run that began an epoch', async () => {
    const manager = createManager();
    for (const name of ['e', 'f', 'g', 'h']) await fillEpoch(manager, name);
    await manager.writeIndexBlobs(named('i-s1-c1'));
    time.advance(HOUR);
    await manager.writeIndexBlobs(named('j-s1-c1'));
    expect(await manager.advanceEpoch()).toEqual({ writeEpoch: 5, advanced: true });
    expect(await manager.compactRange(join)).toMatchObject({ first: 0, last: 3 });
  });

  it('makes no merged set that lacks what one listing left out', async () => {
    const sources = [
      ['xn0_a-s1-c1', 'xn0_b-s1-c1', 'xn1_c-s1-c1', 'xn2_d-s1-c1', 'xn3_e-s1-c1'],
      // Merged, with the inputs of some on their way out.
      ['xr0_2_abc-s1-c1', 'xs3_d-s1-c1', 'xn3_d-s1-c1', 'xs4_e-s1-c1', 'xs5_f-s1-c1'],
    ];
    for (const [round, blobs] of sources.entries()) {
      for (const hidden of blobs) {
        for (const listing of [1, 2]) {
          storage = createMemoryStorage(time);
          await put(`xe${round === 0 ? 4 : 7}`, ...blobs);
          let listings = 0;
          const short = decorateStorage(storage, {
            async *listBlobs(prefix, options) {
              const isShort = ++listings === listing;
              for await (const blob of storage.listBlobs(prefix, options)) {
                if (!isShort || blob.id !== hidden) yield blob;
              }
            },
          });
          const manager = createManager(short);
          for (const step of [manager.compactSingleEpoch(join), manager.compactRange(join)]) {
            await step.catch((error: unknown) =>
              expect(error).toMatchObject({ code: 'CORRUPT_DATA' }),
            );
          }
          for (const name of await names()) {
            if (blobs.includes(name) || name.startsWith('xe')) continue;
            const { first, last } = parseEpochs(parseBlobID(name))!;
            const letters = new Set(
              name.split('-')[0]!.replaceAll(/^x[rs]\d+_(\d+_)?|[^a-f]/g, ''),
            );
            const wanted = blobs.filter((blob) => {
              const epochs = parseEpochs(parseBlobID(blob))!;
              return first <= epochs.first && epochs.last <= last;
            });
            for (const letter of wanted.flatMap((blob) =>
              Array.from(/_([a-f]+)-/.exec(blob)![1]!),
            )) {
              expect([hidden, listing, name, letters.has(letter)]).toEqual([
                hidden,
                listing,
                name,
                true,
              ]);
            }
          }
        }
      }
    }
  });

  it('does not merge what it listed with an expired snapshot', async () => {
    await put('xe2', 'xn0_a-s1-c1');
    let looks = 0;
    let now = 0n;
    // The clock is looked at when loading, when using the snapshot, and after listing the inputs.
    const clock = (): bigint => (now += ++looks === 3 ? HOUR : 0n);
    const manager = createManager(storage, clock);
    expect(await manager.compactSingleEpoch(join)).toBeUndefined();
    expect(looks).toBe(3);
    expect(await names('xs')).toEqual([]);
  });

  it('deletes merged blobs only after the safety margin of the storage clock', async () => {
    const manager = createManager();
    for (const name of ['e', 'f', 'g']) await fillEpoch(manager, name);
    await manager.compactSingleEpoch(join);
    manager.invalidate();
    expect((await manager.cleanupSuperseded(keepNone)).blobs).toEqual([]);
    time.advance(HOUR);
    await manager.writeIndexBlobs(named('late-s1-c1'));
    expect(await idsOf(manager.cleanupSuperseded(keepNone))).toEqual([
      'xn0_ea-s1-c1',
      'xn0_eb-s1-c1',
    ]);
    expect(await idsOf(manager.cleanupMarkers())).toEqual(['xe1']);
    manager.invalidate();
    expect((await activeNames(manager)).length).toBe(6);
  });

  it('says in a dry run what each step would do, and changes nothing', async () => {
    const manager = createManager();
    for (const name of ['e', 'f', 'g']) await fillEpoch(manager, name);
    const before = await names();
    const dry = { dryRun: true };
    expect(await manager.compactSingleEpoch(join, dry)).toMatchObject({ first: 0, outputs: [] });
    await manager.writeIndexBlobs(named('h-s1-c1'));
    time.advance(HOUR);
    await manager.writeIndexBlobs(named('i-s1-c1'));
    expect(await manager.advanceEpoch(dry)).toEqual({ writeEpoch: 4, advanced: true });
    expect(await manager.advanceDeletionWatermark(100, dry)).toBe(true);
    expect(await names()).toEqual([...before, 'xn3_h-s1-c1', 'xn3_i-s1-c1'].toSorted());
    await manager.compactSingleEpoch(join);
    time.advance(2n * HOUR);
    await manager.writeIndexBlobs(named('j-s1-c1'));
    const full = await names();
    expect(await idsOf(manager.cleanupSuperseded(keepNone, dry))).toEqual([
      'xn0_ea-s1-c1',
      'xn0_eb-s1-c1',
    ]);
    expect(await idsOf(manager.cleanupMarkers(dry))).toEqual(['xe1']);
    expect(await names()).toEqual(full);
  });

  it('moves the watermark forward only', async () => {
    const manager = createManager();
    expect(await manager.advanceDeletionWatermark(100)).toBe(true);
    expect(await manager.advanceDeletionWatermark(99)).toBe(false);
    expect(await manager.advanceDeletionWatermark(100)).toBe(true);
    expect(await manager.advanceDeletionWatermark(200)).toBe(true);
    expect(await names('xw')).toEqual(['xw100', 'xw200']);
    expect((await manager.loadActive()).deletionWatermarkSeconds).toBe(200);
    const payload = await storage.getBlob(parseBlobID('xw200'));
    expect(decodeUtf8(payload, 'watermark')).toBe('deletion-watermark');
    await expect(manager.advanceDeletionWatermark(-1)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await manager.writeIndexBlobs(named('a-s1-c1'));
    time.advance(2n * HOUR);
    await manager.writeIndexBlobs(named('b-s1-c1'));
    expect(await idsOf(manager.cleanupMarkers())).toEqual(['xw100']);
  });
});

describe('two writers and maintenance', () => {
  it('never lose a blob that was reported as written, however they interleave', async () => {
    const written = new Set<string>();
    let state = 12_345;
    const random = (limit: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >>> 8) % limit;
    };
    // A put may take long, and maintenance may run meanwhile.
    const maintenance = createManager();
    const contents = new Map<string, readonly string[]>();
    const merge: MergeIndexBlobs = async (inputs) => {
      const text = `m${contents.size}`;
      contents.set(
        text,
        inputs.flatMap(({ id }) => entriesOf(id)),
      );
      return [encodeUtf8(text)];
    };
    const entriesOf = (id: string): readonly string[] => {
      const name = /_([^_-]+)-/.exec(id)![1]!;
      return contents.get(name) ?? [name];
    };
    const maintain = async (): Promise<void> => {
      maintenance.invalidate();
      await maintenance.compactSingleEpoch(merge);
      await maintenance.advanceEpoch();
      await maintenance.compactRange(merge);
      await maintenance.cleanupMarkers();
      await maintenance.cleanupSuperseded(keepNone);
    };
    const other = createManager();
    const slow = beforeEachPut(async () => {
      if (random(4) > 0) return;
      for (let step = random(8); step > 0; step--) {
        time.advance(BigInt(random(60)) * MINUTE);
        const name = `o${written.size}`;
        await other.writeIndexBlobs(named(`${name}-s1-c1`));
        written.add(name);
        await maintain();
      }
    });
    const writers = [createManager(slow), createManager(slow)];
    let failures = 0;
    for (let step = 0; step < 400; step++) {
      time.advance(BigInt(random(30)) * MINUTE);
      const name = `w${step}`;
      try {
        await writers[random(2)]!.writeIndexBlobs(named(`${name}-s${step}-c1`));
        written.add(name);
      } catch (error) {
        if (!hasCode(error, 'STORAGE_FAILED')) throw error;
        failures += 1;
      }
      if (random(3) === 0) await maintain();
      if (step % 20 !== 0) continue;
      const { blobs } = await createManager().loadActive();
      const visible = new Set(blobs.flatMap(({ id }) => entriesOf(id)));
      expect([...written].filter((item) => !visible.has(item))).toEqual([]);
    }
    expect(failures).toBeGreaterThan(0);
    expect((await names('xr')).length).toBeGreaterThan(2);
  });
});
