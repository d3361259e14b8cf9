import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { goldenRepositories, type GoldenRepository } from '../../../../test/golden.ts';
import { createManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import { parseBlobID } from '../blob/storage.ts';
import { decodeUtf8, encodeHex } from '../bytes.ts';
import { loadSchedule, storeSchedule } from '../maintenance/schedule-blob.ts';
import { encodeSchedule } from '../maintenance/schedule.ts';
import { epochParametersJSON } from './epoch-parameters.ts';
import { encodeFormatBlob, FORMAT_BLOB_ID } from './format-blob.ts';
import { openFormat, type FormatManager } from './format-manager.ts';
import { encodeGoJSON, parseGoJSON } from './go-json.ts';
import { recoverFormatBlob } from './recover-format.ts';
import { encodeStoredFormat } from './stored-format.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';

const algorithms = nativeAlgorithms();
const goldens = goldenRepositories();
const time = createManualTime();

/** The unsharded blobs of a repository, and one pack. */
async function load(golden: GoldenRepository): Promise<MemoryStorage> {
  const storage = createMemoryStorage(time);
  for (const name of readdirSync(golden.path).filter((file) => file.endsWith('.f'))) {
    const id = parseBlobID(name.slice(0, -2));
    await storage.putBlob(id, readFileSync(join(golden.path, name)));
  }
  const packs = (readdirSync(golden.path, { recursive: true }) as string[]).filter((file) =>
    /^[pq].*\.f$/.test(file),
  );
  for (const file of packs.slice(0, 1)) {
    const id = parseBlobID(file.replaceAll('/', '').slice(0, -2));
    await storage.putBlob(id, readFileSync(join(golden.path, file)));
  }
  return storage;
}

/** The format as `repository status --json` shows it: without keys. */
function statusOf(manager: FormatManager): unknown {
  const format = manager.current();
  const json = encodeGoJSON({
    hash: format.hash,
    encryption: format.encryption,
    ecc: format.ecc?.algorithm,
    eccOverheadPercent: format.ecc?.overheadPercent,
    version: format.version,
    maxPackSize: format.maxPackSize,
    indexVersion: format.indexVersion,
    epochParameters: epochParametersJSON(format.epochParameters),
    enablePasswordChange: format.enablePasswordChange,
  });
  return JSON.parse(json);
}

it('there are golden repositories', () => {
  expect(goldens.length).toBeGreaterThan(0);
});

describe.each(goldens.map((golden) => [golden.name, golden] as const))('%s', (_name, golden) => {
  const { password, status } = golden.expected;
  let storage: MemoryStorage;
  let manager: FormatManager;

  beforeAll(async () => {
    storage = await load(golden);
    manager = await openFormat({ storage, password, algorithms, clock: time.clock });
  });

  it('opens to what Kopia says about it', () => {
    expect(statusOf(manager)).toEqual(status['contentFormat']);
    expect({ splitter: manager.current().splitter }).toEqual(status['objectFormat']);
    expect(encodeHex(manager.uniqueID)).toBe(status['uniqueIDHex']);
    expect(manager.blobConfiguration).toBeUndefined();
    expect(status['blobRetention']).toEqual({});
  });

  it('keeps every byte when it is written again, the nonce apart', () => {
    const { blob, stored, keys } = manager.state;
    expect(encodeFormatBlob(blob)).toEqual(manager.formatBlobBytes);
    const plaintext = encodeStoredFormat(stored.members);
    expect(plaintext).toEqual(keys.sealer.open(blob.sealedFormat));
    const resealed = keys.sealer.seal(plaintext);
    expect(resealed).toHaveLength(blob.sealedFormat.length);
    expect(resealed).not.toEqual(blob.sealedFormat);
    expect(keys.sealer.open(resealed)).toEqual(plaintext);
  });

  it('has a maintenance schedule that is written back to the same JSON', async () => {
    const schedule = await loadSchedule(storage, manager);
    const json = encodeSchedule(schedule);
    expect(encodeSchedule({ ...schedule, stored: new Map() })).toEqual(json);
    const cipher = await algorithms.createAesGcm(
      await manager.purposeKey('maintenance schedule', 32),
    );
    const sealed = existsSync(join(golden.path, 'kopia.maintenance.f'))
      ? await storage.getBlob(parseBlobID('kopia.maintenance'))
      : cipher.seal(json, new TextEncoder().encode('maintenance'));
    const stored = cipher.open(sealed, new TextEncoder().encode('maintenance'))!;
    expect(decodeUtf8(json, 'json')).toBe(decodeUtf8(stored, 'stored'));
    await storeSchedule(storage, manager, schedule);
    expect(await loadSchedule(storage, manager)).toEqual(schedule);
    const typed = [...schedule.runs].map(([task, runs]) => [
      task,
      runs.map(({ start, end, success, error, extra }) => ({ start, end, success, error, extra })),
    ]) as [string, never[]][];
    const rebuilt = encodeSchedule({ ...schedule, runs: new Map(typed) });
    expect(parseGoJSON(rebuilt, 'rebuilt')).toEqual(parseGoJSON(json, 'json'));
    expect(decodeUtf8(rebuilt, 'rebuilt')).toBe(decodeUtf8(json, 'json'));
  });

  it('has copies of its format blob in packs exactly where the password cannot change', async () => {
    const { enablePasswordChange } = manager.current();
    await storage.deleteBlob(FORMAT_BLOB_ID);
    const recovered = await recoverFormatBlob(storage, { algorithms }).catch(() => undefined);
    expect(recovered?.formatBlob).toEqual(
      enablePasswordChange ? undefined : manager.formatBlobBytes,
    );
  });
});
