import { describe, expect, it } from 'vitest';
import { createManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { parseGoTime, webRandomSource } from '../clock.ts';
import { createFormat, type CreateFormatOptions } from '../format/create-format.ts';
import type { FormatManager } from '../format/format-manager.ts';
import { encodeGoJSON } from '../format/go-json.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import {
  defaultMaintenanceParameters,
  maintenanceParametersJSON,
  parseMaintenanceParameters,
} from './parameters.ts';
import { loadSchedule, MAINTENANCE_BLOB_ID, storeSchedule } from './schedule-blob.ts';
import {
  EMPTY_SCHEDULE,
  encodeSchedule,
  MAX_RUNS_PER_TASK,
  parseSchedule,
  reportRun,
  type MaintenanceRun,
} from './schedule.ts';

const at = (text: string): bigint => parseGoTime(text, 'test');
const encode = (schedule: Parameters<typeof encodeSchedule>[0]): string =>
  decodeUtf8(encodeSchedule(schedule), 'schedule');
const parse = (text: string): ReturnType<typeof parseSchedule> => parseSchedule(encodeUtf8(text));

const run: MaintenanceRun = {
  start: at('2026-11-24T11:05:00.5Z'),
  end: at('2026-11-24T11:05:01Z'),
  success: true,
  error: '',
  extra: [],
};

describe('the maintenance schedule', () => {
  it('is written as Kopia writes it', () => {
    expect(encode(EMPTY_SCHEDULE)).toBe(
      '{"nextFullMaintenance":"0001-01-01T00:00:00Z","nextQuickMaintenance":"0001-01-01T00:00:00Z","runs":null}',
    );
    const failed = {
      ...run,
      success: false,
      error: 'no <space>',
      extra: [
        { kind: 'k', data: { a: 1n } },
        { kind: 'l', data: null },
      ],
    };
    const runs = new Map([
      ['snapshot-gc', [failed]],
      ['cleanup-logs', [run]],
    ]);
    expect(encode({ ...EMPTY_SCHEDULE, nextQuickMaintenance: run.end, runs })).toBe(
      '{"nextFullMaintenance":"0001-01-01T00:00:00Z","nextQuickMaintenance":"2026-11-24T11:05:01Z","runs":{' +
        '"cleanup-logs":[{"start":"2026-11-24T11:05:00.5Z","end":"2026-11-24T11:05:01Z","success":true}],' +
        '"snapshot-gc":[{"start":"2026-11-24T11:05:00.5Z","end":"2026-11-24T11:05:01Z","error":"no \\u003cspace\\u003e",' +
        '"extra":[{"kind":"k","data":{"a":1}},{"kind":"l","data":null}]}]}}',
    );
  });

  it('keeps tasks, members and zones that it does not know, while others change', () => {
    const text =
      '{"nextFullMaintenance":"2026-11-24T13:05:00+02:00","nextQuickMaintenance":"2026-11-24T13:05:00+02:00",' +
      '"runs":{"a-task":[{"start":"2026-11-24T13:05:00.1+02:00","end":"2026-11-24T13:05:00.2+02:00","later":[1]}]},"more":{"x":12345678901234567890}}';
    const schedule = parse(text);
    expect(schedule.nextFullMaintenance).toBe(at('2026-11-24T11:05:00Z'));
    expect(schedule.runs.get('a-task')).toMatchObject([
      { start: at('2026-11-24T11:05:00.1Z'), success: false, error: '', extra: [] },
    ]);
    expect(encode(schedule)).toBe(text);
    const next = reportRun({ ...schedule, nextFullMaintenance: run.end }, 'a-task', run);
    expect(encode(next)).toBe(
      text
        .replace(
          '"nextFullMaintenance":"2026-11-24T13:05:00+02:00"',
          '"nextFullMaintenance":"2026-11-24T11:05:01Z"',
        )
        .replace(
          '[{"start"',
          '[{"start":"2026-11-24T11:05:00.5Z","end":"2026-11-24T11:05:01Z","success":true},{"start"',
        ),
    );
  });

  it('keeps the newest runs of each task only', () => {
    let schedule = EMPTY_SCHEDULE;
    for (let i = 0; i < MAX_RUNS_PER_TASK + 3; i++) {
      schedule = reportRun(schedule, 'a', { ...run, start: BigInt(i) });
    }
    schedule = reportRun(schedule, 'b', run);
    const starts = schedule.runs.get('a')!.map(({ start }) => start);
    expect(starts).toHaveLength(50);
    expect([starts[0], starts.at(-1)]).toEqual([52n, 3n]);
    expect(schedule.runs.get('b')).toEqual([run]);
  });

  it.each([
    '[]',
    '{"nextFullMaintenance":1}',
    '{"nextFullMaintenance":"yesterday"}',
    '{"runs":[]}',
    '{"runs":{"a":{}}}',
    '{"runs":{"a":[1]}}',
    '{"runs":{"a":[{"success":"yes"}]}}',
    '{"runs":{"a":[{"extra":[1]}]}}',
  ])('refuses %s', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'CORRUPT_DATA' }));
  });
});

const repository = async (
  options: Partial<CreateFormatOptions> = {},
): Promise<{ storage: MemoryStorage; format: FormatManager }> => {
  const time = createManualTime();
  const storage = createMemoryStorage(time);
  const all = { password: 'p', algorithms: nativeAlgorithms(), random: webRandomSource, ...time };
  return { storage, format: await createFormat(storage, { ...all, ...options }) };
};

describe('kopia.maintenance', () => {
  it.each([1, 3] as const)(
    'is sealed with a key of the repository, version %i',
    async (version) => {
      const { storage, format } = await repository({ version });
      expect(await loadSchedule(storage, format)).toEqual(EMPTY_SCHEDULE);
      await storeSchedule(storage, format, reportRun(EMPTY_SCHEDULE, 'a', run));
      expect((await loadSchedule(storage, format)).runs.get('a')).toMatchObject([run]);
    },
  );

  it('carries no lock, so that it can be replaced', async () => {
    const retention = { mode: 'GOVERNANCE', periodNanoseconds: 10n ** 15n } as const;
    const { storage, format } = await repository({ retention });
    await storeSchedule(storage, format, EMPTY_SCHEDULE);
    expect(storage.lockOf(MAINTENANCE_BLOB_ID)).toBeUndefined();
  });

  it('that was changed, cut or written for another repository is damage', async () => {
    const { storage, format } = await repository();
    await storeSchedule(storage, format, EMPTY_SCHEDULE);
    const sealed = await storage.getBlob(MAINTENANCE_BLOB_ID);
    const changed = sealed.slice();
    changed[20]! ^= 1;
    const other = await repository();
    await storeSchedule(other.storage, other.format, EMPTY_SCHEDULE);
    const foreign = await other.storage.getBlob(MAINTENANCE_BLOB_ID);
    for (const bytes of [changed, sealed.subarray(0, 27), new Uint8Array(), foreign]) {
      await storage.putBlob(MAINTENANCE_BLOB_ID, bytes);
      await expect(loadSchedule(storage, format)).rejects.toMatchObject({
        code: 'CORRUPT_DATA',
        message: 'kopia.maintenance: authentication failed',
      });
    }
  });
});

describe('maintenance parameters', () => {
  const json =
    '{"owner":"user@host","quick":{"enabled":true,"interval":3600000000000},"full":{"enabled":true,"interval":86400000000000},' +
    '"logRetention":{"maxTotalSize":1073741824,"maxCount":10000,"maxAge":2592000000000000},"extendObjectLocks":false,"listParallelism":0}';

  it('default to what Kopia stores for a new repository', () => {
    const parameters = defaultMaintenanceParameters('user@host');
    expect(encodeGoJSON(maintenanceParametersJSON(parameters))).toBe(json);
    expect(parseMaintenanceParameters(JSON.parse(json))).toEqual(parameters);
  });

  it('take a log retention of zeros for the defaults, and nothing else', () => {
    const { logRetention } = defaultMaintenanceParameters('');
    const zeros = { maxTotalSize: 0, maxCount: 0, maxAge: 0 };
    expect(parseMaintenanceParameters({ logRetention: zeros }).logRetention).toEqual(logRetention);
    expect(parseMaintenanceParameters({}).logRetention).toEqual(logRetention);
    expect(parseMaintenanceParameters({ logRetention: { ...zeros, maxCount: 5 } })).toMatchObject({
      quick: { enabled: false, intervalNanoseconds: 0n },
      logRetention: { maxTotalSize: 0, maxCount: 5, maxAgeNanoseconds: 0n },
    });
  });

  it.each([null, [], { owner: 1 }, { quick: { interval: 'x' } }, { full: 1 }])(
    'refuse %j',
    (value) => {
      expect(() => parseMaintenanceParameters(value)).toThrow(
        expect.objectContaining({ code: 'CORRUPT_DATA' }),
      );
    },
  );
});
