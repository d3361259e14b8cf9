import { beforeEach, describe, expect, it } from 'vitest';
import { decorateStorage } from '../blob/decorate-storage.ts';
import { createManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import { parseBlobID } from '../blob/storage.ts';
import { decodeHex, decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { parseGoTime } from '../clock.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import { BlobSealer } from './indexblob/blob-sealing.ts';
import {
  deleteSessionMarkers,
  encodeSessionMarker,
  listSessions,
  parseSessionMarker,
  putSessionMarker,
  type SessionMarker,
} from './write-session.ts';

/** A marker that Kopia wrote, and the keys of its repository. */
const SECRET = '8fff044d6e4d1f602f46dc50bf29f73cc8c3f178a0cbd5377b68405b95daa112';
const MASTER_KEY = '9bed5510751a89baa58c0312dc3e6dd69daa4ad53eba2393b6a9e1651fe6a149';
const MARKER_ID = parseBlobID('sa90d13e8ee9d32ea594389d744d85172-s76c2c249527fed12147');
const SEALED_MARKER =
  '3fd07b5c6ad1e75878674908ffc2916d9673d495ddb6a73ae95b5a9e3ee34c37539bc187bc255a0f9b56c63b7a9a3f30be870e8b30985bbd5a5c11ddcb6a3ed82b3f6f65448eb000cbc6051ed9e0e27279387e544401fb5f339b1089215511a122eeff0e57bd679a677b85b5e42b1f7d3f66f71120ab18a62cb19bf7ebebd2821be7e22a6c41e834a8be7b46894f25b7953ac65f6d7fd57dd40aee46bdd3f71524a933f723c9e80193cf1061fc03cd7563456aa465573ad88b';
const MARKER_JSON =
  '{"id":"s76c2c249527fed12147","startTime":"2026-11-23T04:34:28.699630109Z","checkpointTime":"2026-11-23T04:34:28.69963022Z","username":"root","hostname":"vm"}';
const MARKER: SessionMarker = {
  id: 's76c2c249527fed12147',
  startTime: parseGoTime('2026-11-23T04:34:28.699630109Z', 'test'),
  checkpointTime: parseGoTime('2026-11-23T04:34:28.69963022Z', 'test'),
  username: 'root',
  hostname: 'vm',
};

let sealer: BlobSealer;
let storage: MemoryStorage;

beforeEach(async () => {
  const algorithms = nativeAlgorithms();
  sealer = new BlobSealer({
    hash: await algorithms.createHash('BLAKE2B-256-128', decodeHex(SECRET)!),
    cipher: await algorithms.createCipher('AES256-GCM-HMAC-SHA256', decodeHex(MASTER_KEY)!),
  });
  storage = createMemoryStorage(createManualTime());
});

const parseJSON = (json: string) => (): unknown => parseSessionMarker(encodeUtf8(json), 'marker');

describe('a session marker', () => {
  it('of Kopia is opened, and written with the same bytes and name', async () => {
    const plaintext = sealer.open(MARKER_ID, decodeHex(SEALED_MARKER)!);
    expect(decodeUtf8(plaintext, 'marker')).toBe(MARKER_JSON);
    expect(parseSessionMarker(plaintext, 'marker')).toEqual(MARKER);
    expect(encodeSessionMarker(MARKER)).toEqual(plaintext);
    expect(await putSessionMarker(storage, sealer, MARKER)).toBe(MARKER_ID);
  });

  it('is listed with its newest checkpoint until it is deleted', async () => {
    const first = await putSessionMarker(storage, sealer, MARKER);
    const later = { ...MARKER, checkpointTime: MARKER.checkpointTime + 5n };
    const second = await putSessionMarker(storage, sealer, later);
    const other = { ...MARKER, id: 's1111111111111111147' };
    const third = await putSessionMarker(storage, sealer, other);
    const sessions = await listSessions(storage, sealer);
    expect([...sessions.keys()].toSorted()).toEqual([other.id, MARKER.id]);
    const listed = sessions.get(MARKER.id)!;
    expect(listed.checkpointTime).toBe(later.checkpointTime);
    expect(listed.markers.map(({ id }) => id).toSorted()).toEqual([first, second].toSorted());
    await deleteSessionMarkers(storage, [first, second, third]);
    expect((await listSessions(storage, sealer)).size).toBe(0);
  });

  it('that vanishes while it is read has ended', async () => {
    await putSessionMarker(storage, sealer, MARKER);
    const vanishing = decorateStorage(storage, {
      getBlob: async (id, options) => {
        await storage.deleteBlob(id);
        return storage.getBlob(id, options);
      },
    });
    expect((await listSessions(vanishing, sealer)).size).toBe(0);
  });

  it('that cannot be read is CORRUPT_DATA, so that nothing is collected', async () => {
    const id = await putSessionMarker(storage, sealer, MARKER);
    await storage.putBlob(id, new Uint8Array(60));
    await expect(listSessions(storage, sealer)).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
    await storage.deleteBlob(id);
    await storage.putBlob(parseBlobID('snothing'), new Uint8Array(60));
    await expect(listSessions(storage, sealer)).rejects.toThrow(/names no session/);
  });

  it('without a time is CORRUPT_DATA', () => {
    expect(parseJSON('{"id":"s1","startTime":"2026-01-01T00:00:00Z"}')).toThrow(/checkpointTime/);
    expect(parseJSON('[]')).toThrow(/not a JSON object/);
  });
});
