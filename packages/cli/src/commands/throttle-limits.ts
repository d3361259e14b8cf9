import { LIMIT_NAMES } from '../connection/storage-settings.ts';
import { formatRate } from '../output/units.ts';

/** One limit of a connection, under the name that the connection file gives it. */
interface ThrottleLimit {
  readonly name: string;
  readonly label: string;
  readonly flag:
    | 'download-bytes-per-second'
    | 'upload-bytes-per-second'
    | 'read-requests-per-second'
    | 'write-requests-per-second'
    | 'list-requests-per-second'
    | 'concurrent-reads'
    | 'concurrent-writes';
  readonly unit: 'bytes' | 'requests' | 'whole';
}

type Limits = Readonly<Record<string, unknown>>;

/** In Kopia's order. */
export const THROTTLE_LIMITS: readonly ThrottleLimit[] = [
  {
    name: 'maxDownloadSpeedBytesPerSecond',
    label: 'Max Download Speed',
    flag: 'download-bytes-per-second',
    unit: 'bytes',
  },
  {
    name: 'maxUploadSpeedBytesPerSecond',
    label: 'Max Upload Speed',
    flag: 'upload-bytes-per-second',
    unit: 'bytes',
  },
  {
    name: 'readsPerSecond',
    label: 'Max Read Requests Per Second',
    flag: 'read-requests-per-second',
    unit: 'requests',
  },
  {
    name: 'writesPerSecond',
    label: 'Max Write Requests Per Second',
    flag: 'write-requests-per-second',
    unit: 'requests',
  },
  {
    name: 'listsPerSecond',
    label: 'Max List Requests Per Second',
    flag: 'list-requests-per-second',
    unit: 'requests',
  },
  {
    name: 'concurrentReads',
    label: 'Max Concurrent Reads',
    flag: 'concurrent-reads',
    unit: 'whole',
  },
  {
    name: 'concurrentWrites',
    label: 'Max Concurrent Writes',
    flag: 'concurrent-writes',
    unit: 'whole',
  },
];

/** 0: none. */
export function limitOf(limits: Limits, { name }: Pick<ThrottleLimit, 'name'>): number {
  const value = limits[name];
  return typeof value === 'number' ? value : 0;
}

export function showLimit({ unit }: ThrottleLimit, value: number): string {
  return unit === 'bytes' ? formatRate(value) : value.toFixed(0);
}

/** As Kopia stores and prints limits: without those that are 0. */
export function limitsJSON(limits: Limits): Limits {
  const entries = LIMIT_NAMES.map((name) => [name, limitOf(limits, { name }) || undefined]);
  return Object.fromEntries(entries) as Limits;
}
