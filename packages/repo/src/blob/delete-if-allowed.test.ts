import { expect, it } from 'vitest';
import { LongshoreError } from '../errors.ts';
import { deleteIfAllowed } from './delete-if-allowed.ts';
import { createFaultyStorage } from './faulty-storage.ts';
import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { parseBlobID } from './storage.ts';

const id = parseBlobID('longshore.marker');

it('leaves a blob that may not be deleted, and fails at everything else', async () => {
  const { clock, sleep } = createManualTime();
  const errors = [
    new LongshoreError('ACCESS_DENIED', 'no'),
    new LongshoreError('STORAGE_FAILED', 'broken'),
  ];
  const storage = createFaultyStorage(createMemoryStorage({ clock }), {
    sleep,
    script: errors.map((error) => ({
      operation: 'delete',
      fault: { kind: 'error-before', error },
    })),
  });
  await storage.putBlob(id, new Uint8Array(1));
  expect(await deleteIfAllowed(storage, id)).toBe(false);
  expect((await storage.getBlob(id)).length).toBe(1);
  await expect(deleteIfAllowed(storage, id)).rejects.toBe(errors[1]);
  expect(await deleteIfAllowed(storage, id)).toBe(true);
  await expect(storage.getBlob(id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
});
