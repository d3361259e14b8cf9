import type { BenchResult, ResultRow } from './result.ts';

/** A row for tests: twice as fast as Kopia, at three quarters of the processor time and twice the memory. */
export function sampleRow(): ResultRow {
  return {
    name: 'wall time',
    unit: 's',
    subjects: [
      {
        subject: 'longshore',
        version: '0.1.0',
        samples: [1, 2, 4].map((value) => ({ value, cpuSeconds: 3 * value, peakBytes: 4e8 })),
        repositoryBytes: 1.4e9,
      },
      {
        subject: 'kopia',
        version: '0.23.1',
        samples: [2, 4, 8].map((value) => ({ value, cpuSeconds: 2 * value, peakBytes: 2e8 })),
        repositoryBytes: 1.41e9,
      },
    ],
    limit: {
      resource: 'hash',
      seconds: 0.5,
      parts: [
        { resource: 'hash', seconds: 0.5, reason: '2.00 GB at 4.00 GB/s' },
        { resource: 'memory', seconds: 0.1, reason: '2.00 GB at 20.0 GB/s' },
      ],
    },
  };
}

export function sampleResult(): BenchResult {
  return {
    schema: 1,
    scenario: 'first-mixed',
    title: 'first snapshot, 2 GB mixed tree',
    group: 'first',
    scale: 1,
    pairs: 3,
    against: ['kopia'],
    dataset: { key: 'mixed-v1', about: '2 GB', files: 1000, bytes: 2e9 },
    startedAt: '2026-01-01T00:00:00.000Z',
    tookSeconds: 60,
    machine: {
      cpu: 'Some CPU',
      cores: 2,
      memoryBytes: 16e9,
      system: 'linux x64 6.1',
      node: 'v26.10.0',
      rates: { memory: 2e10 },
    },
    commit: 'abc',
    proofs: ['both restore the same tree'],
    rows: [sampleRow()],
    budgets: [],
    notes: [],
  };
}
