import { expect, it } from 'vitest';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import { createManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage } from '../blob/memory-storage.ts';
import { createRepository } from '../create.ts';
import { openRepository } from '../open.ts';
import { writeSession } from '../repository.ts';
import type { Manifest, ManifestID } from '../repository-contract.ts';
import { loadManifests } from './load-manifests.ts';

const LABELS = { type: 'policy' };
const MINUTE = 60_000_000_000n;

it('lists again when one was replaced while the view became stale, and misses neither', async () => {
  const time = createManualTime();
  const { clock, sleep } = time;
  const algorithms = {
    ...nativeAlgorithms(),
    deriveFormatKey: async () => new Uint8Array(32).fill(7),
  };
  const options = {
    algorithms,
    clock,
    sleep,
    password: 'p',
    storage: createMemoryStorage({ clock }),
  };
  await using other = await createRepository(options);
  await writeSession(other, {}, async (writer) => {
    await writer.putManifest(LABELS, { version: 1 });
    await writer.putManifest({ ...LABELS, second: 'yes' }, { version: 1 });
  });
  await using repository = await openRepository(options);
  let looks = 0;
  const original = repository.getManifest.bind(repository);
  repository.getManifest = async (id: ManifestID): Promise<Manifest> => {
    looks += 1;
    if (looks === 1) {
      await writeSession(other, {}, (writer) => writer.replaceManifests(LABELS, { version: 2 }));
      time.advance(16n * MINUTE);
      await repository.refresh();
    }
    return original(id);
  };
  const manifests = await loadManifests(repository, LABELS);
  expect(manifests.map(({ payload }) => payload)).toEqual([{ version: 1 }, { version: 2 }]);
});
