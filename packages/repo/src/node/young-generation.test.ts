import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const MODULE = new URL('./young-generation.ts', import.meta.url).href;

/** Bytes of the young generation of a process in which far more has survived than what makes it grow as far as it can. */
function youngBytesAfter(call: string): number {
  const program = `
    import { setImmediate } from 'node:timers/promises';
    import { getHeapSpaceStatistics } from 'node:v8';
    import { limitYoungGeneration } from ${JSON.stringify(MODULE)};
    ${call}
    const kept = [];
    for (let turn = 0; turn < 1000; turn++) {
      kept[turn % 20] = Array.from({ length: 4000 }, (_, number) => ({ number }));
      await setImmediate();
    }
    console.log(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size);
  `;
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { encoding: 'utf8' },
  );
  expect(status).toBe(0);
  return Number(stdout);
}

describe('the young generation', () => {
  it('grows with what survives where nobody limits it', () => {
    expect(youngBytesAfter('')).toBeGreaterThan(20e6);
  });

  it('stops at what is ample', () => {
    const bytes = youngBytesAfter('limitYoungGeneration();');
    expect(bytes).toBeGreaterThan(5e6);
    expect(bytes).toBeLessThan(20e6);
  });

  it('stays as it is where memory is short', () => {
    expect(youngBytesAfter('limitYoungGeneration({ atOnce: true });')).toBeLessThan(5e6);
  });
});
