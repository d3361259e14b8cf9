import { expect, it } from 'vitest';
import { createMemoryStorage, createSystemClock, writeSession } from '@longshore/repo';

import { createEngine } from '../e2e/engine.ts';
import { randomBytes } from '../compression-samples.ts';

it('takes a checkpoint of an object that ends at the same time', async () => {
  await using repository = await createEngine(createMemoryStorage({ clock: createSystemClock() }), {
    splitter: 'FIXED-1M',
  });
  const data = randomBytes(3_500_000, 1);
  await writeSession(repository, {}, async (writer) => {
    await using object = writer.newObjectWriter();
    await object.write(data);
    const [whole, part] = await Promise.all([object.result(), object.checkpoint()]);
    const late = await object.checkpoint();
    for (const id of [whole, part!, late!]) {
      const reader = await writer.openObject(id);
      const bytes = await reader.read({ offset: 0, length: data.length });
      expect(bytes.length).toBeGreaterThanOrEqual(3 * 1024 * 1024);
      expect(Buffer.compare(bytes, data.subarray(0, bytes.length))).toBe(0);
    }
  });
});
