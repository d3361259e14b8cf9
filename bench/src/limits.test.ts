import { describe, expect, it } from 'vitest';
import { machineLimit } from './limits.ts';
import { sampleResult } from './sample-result.ts';

const machine = {
  ...sampleResult().machine,
  cores: 2,
  rates: { blake2b: 1e9, aes: 2e9, diskRead: 4e9, filesPerSecond: 50_000, loopback: 2e9 },
};

describe('the limit of the machine', () => {
  it('is the slowest resource, computing shared by all cores', () => {
    const limit = machineLimit({ filesRead: 2e9, hashed: 2e9, encrypted: 1e9 }, machine);
    expect(limit?.resource).toBe('hash');
    expect(limit?.seconds).toBe(1);
    expect(limit?.parts.map(({ seconds }) => seconds)).toEqual([0.5, 1, 0.25]);
  });

  it('counts files where there are many', () => {
    expect(machineLimit({ filesRead: 1e6, fileCount: 200_000 }, machine)).toMatchObject({
      resource: 'files',
      seconds: 2,
    });
  });

  it('takes the network that there is instead of the loopback interface', () => {
    expect(machineLimit({ network: 1e9 }, machine)?.seconds).toBe(0.5);
    expect(machineLimit({ network: 1e9, networkRate: 1e8 }, machine)?.seconds).toBe(10);
  });

  it('is not known where nothing that was measured is used', () => {
    expect(machineLimit({ memoryWritten: 1e9 }, machine)).toBeUndefined();
  });
});
