import { expect, it } from 'vitest';
import { DAY, uniqueText, VirtualRepository } from './virtual-repository.ts';

const LARGE = 1024 * 1024;

it.each([1, 3] as const)(
  'space comes back although each day brings short packs to rewrite, format version %i',
  async (version) => {
    const virtual = await VirtualRepository.create({ version });
    const large = await virtual.snapshot({ large: uniqueText('large', LARGE) }, '/large');
    const deletedAt = 2;
    for (let day = 0; day < 10; day++) {
      await virtual.snapshot({ today: uniqueText(`day ${day}`) });
      if (day === deletedAt) await virtual.deleteSnapshot(large);
      virtual.time.advance(DAY);
      await virtual.maintain();
    }
    expect(await virtual.packBytes()).toBeLessThan(LARGE / 2);
  },
);
