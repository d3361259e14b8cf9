import { optimizeIndexes } from '@longshore/repo';
import { expect, it } from 'vitest';
import { HOUR, MINUTE, uniqueText, VirtualRepository } from './virtual-repository.ts';

it('all epochs that wait are merged by hand, each once', async () => {
  const virtual = await VirtualRepository.create({
    epochs: {
      minEpochDuration: HOUR,
      epochRefreshFrequency: 20n * MINUTE,
      epochAdvanceOnCountThreshold: 10,
      fullCheckpointFrequency: 50,
    },
  });
  let count = 0;
  for (let epoch = 0; epoch < 5; epoch++) {
    for (let blob = 0; blob < 10; blob++) {
      count += 1;
      await virtual.snapshot({ a: uniqueText(`${count}`) }, `/${count}`);
      virtual.time.advance(8n * MINUTE);
    }
    await using repository = await virtual.open();
    const { indexBlobs } = repository;
    indexBlobs.invalidate();
    if (indexBlobs.style === 'epoch') await indexBlobs.advanceEpoch();
  }
  await using repository = await virtual.open('anybody');
  const inputs = (await virtual.names('xn')).filter((name) => /^xn[0-3]_/.test(name));
  expect(await optimizeIndexes(repository)).toBe(inputs.length);
  const sets = await virtual.names('xs');
  expect(sets.map((name) => name.slice(0, 3))).toEqual(['xs0', 'xs1', 'xs2', 'xs3']);
  expect(await optimizeIndexes(repository)).toBe(0);
  expect(await virtual.names('xs')).toEqual(sets);
  expect((await virtual.read()).size).toBe(count);
});

it('without epochs what is few stays as it is, unless something is forgotten', async () => {
  const virtual = await VirtualRepository.create({ version: 1 });
  for (let n = 0; n < 3; n++) await virtual.snapshot({ a: uniqueText(`${n}`) }, `/${n}`);
  await using repository = await virtual.open('anybody');
  const inputs = await virtual.names('n');
  expect(await optimizeIndexes(repository)).toBe(0);
  expect(await optimizeIndexes(repository, { maxSmallBlobs: inputs.length + 1 })).toBe(0);
  expect(await optimizeIndexes(repository, { maxSmallBlobs: 1 })).toBe(inputs.length);
  expect(await optimizeIndexes(repository, { maxSmallBlobs: 1 })).toBe(0);
  expect(await optimizeIndexes(repository, { dropDeletedBeforeSeconds: 1 })).toBe(1);
  expect((await virtual.read()).size).toBe(3);
});

it('no content is dropped where there are epochs', async () => {
  const virtual = await VirtualRepository.create();
  await using repository = await virtual.open('anybody');
  await expect(optimizeIndexes(repository, { dropContents: new Set() })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
  });
});
