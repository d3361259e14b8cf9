import { encodeUtf8 } from '../bytes.ts';
import { formatGoTime, GO_ZERO_TIME, parseGoTime, type EpochNanoseconds } from '../clock.ts';
import { FieldReader } from '../format/field-reader.ts';
import { encodeGoJSON, parseGoJSON, sortedRecord } from '../format/go-json.ts';

/** Runs that are kept for each task. */
export const MAX_RUNS_PER_TASK = 50;

const SOURCE = 'kopia.maintenance';
const KEYS = ['nextFullMaintenance', 'nextQuickMaintenance', 'runs'] as const;
const ZERO_TIME: EpochNanoseconds = parseGoTime(GO_ZERO_TIME, SOURCE);

/** Figures of one run, for people: `data` is whatever the task reports. */
export interface MaintenanceStatistics {
  readonly kind: string;
  readonly data: unknown;
}

/** One run of one task. */
export interface MaintenanceRun {
  readonly start: EpochNanoseconds;
  readonly end: EpochNanoseconds;
  readonly success: boolean;
  /** Empty if there was none. */
  readonly error: string;
  readonly extra: readonly MaintenanceStatistics[];
  /** The JSON it was read from: written back as it is, members unknown here included. */
  readonly stored?: unknown;
}

/** When maintenance is due and how it went. Source: docs/format/maintenance-schedule.md. */
export interface MaintenanceSchedule {
  /** Undefined: never planned, so due at once. */
  readonly nextFullMaintenance: EpochNanoseconds | undefined;
  readonly nextQuickMaintenance: EpochNanoseconds | undefined;
  /** By task name, newest run first. Tasks unknown here are kept. */
  readonly runs: ReadonlyMap<string, readonly MaintenanceRun[]>;
  /** Members as they were read. */
  readonly stored?: ReadonlyMap<string, unknown>;
}

/** What a repository without `kopia.maintenance` has. */
export const EMPTY_SCHEDULE: MaintenanceSchedule = {
  nextFullMaintenance: undefined,
  nextQuickMaintenance: undefined,
  runs: new Map(),
};

/** Parses the opened JSON; CORRUPT_DATA for anything else. */
export function parseSchedule(plaintext: Uint8Array): MaintenanceSchedule {
  const fields = new FieldReader(parseGoJSON(plaintext, SOURCE), SOURCE);
  const runs = new Map<string, readonly MaintenanceRun[]>();
  for (const [task, list] of fields.object('runs').entries()) {
    const history = new FieldReader({ [task]: list }, `${SOURCE}: runs`).list(task);
    runs.set(
      task,
      history.map((run) => parseRun(run, task)),
    );
  }
  return {
    nextFullMaintenance: plannedTime(fields, 'nextFullMaintenance'),
    nextQuickMaintenance: plannedTime(fields, 'nextQuickMaintenance'),
    runs,
    stored: new Map(fields.entries()),
  };
}

function plannedTime(fields: FieldReader, name: string): EpochNanoseconds | undefined {
  const time = fields.time(name);
  return time === ZERO_TIME ? undefined : time;
}

function parseRun(value: unknown, task: string): MaintenanceRun {
  const fields = new FieldReader(value, `${SOURCE}: ${task}`);
  return {
    start: fields.time('start') ?? ZERO_TIME,
    end: fields.time('end') ?? ZERO_TIME,
    success: fields.boolean('success'),
    error: fields.string('error'),
    extra: fields.list('extra').map((item) => {
      const statistics = new FieldReader(item, `${SOURCE}: ${task}: extra`);
      return { kind: statistics.string('kind'), data: statistics.value('data') ?? null };
    }),
    stored: value,
  };
}

/** The exact JSON that Kopia writes, plus the members that were read and are unknown here. */
export function encodeSchedule(schedule: MaintenanceSchedule): Uint8Array {
  const { runs, stored = new Map<string, unknown>() } = schedule;
  const members = new Map<string, unknown>([
    ['nextFullMaintenance', plannedTimeJSON(stored, schedule, 'nextFullMaintenance')],
    ['nextQuickMaintenance', plannedTimeJSON(stored, schedule, 'nextQuickMaintenance')],
    ['runs', runs.size === 0 ? emptyRuns(stored) : runsJSON(runs)],
  ]);
  for (const [key, value] of stored) {
    if (!KEYS.some((known) => known.toLowerCase() === key.toLowerCase())) members.set(key, value);
  }
  return encodeUtf8(encodeGoJSON(members));
}

/** A time that did not change keeps its stored text, which may have a zone. */
function plannedTimeJSON(
  stored: ReadonlyMap<string, unknown>,
  schedule: MaintenanceSchedule,
  key: 'nextFullMaintenance' | 'nextQuickMaintenance',
): string {
  const time = schedule[key];
  const text = stored.get(key);
  const storedTime = typeof text === 'string' ? parseGoTime(text, SOURCE) : undefined;
  if (typeof text === 'string' && storedTime === (time ?? ZERO_TIME)) return text;
  return time === undefined ? GO_ZERO_TIME : formatGoTime(time);
}

function emptyRuns(stored: ReadonlyMap<string, unknown>): unknown {
  return stored.get('runs') ?? null;
}

function runsJSON(runs: ReadonlyMap<string, readonly MaintenanceRun[]>): unknown {
  const lists = Array.from(runs, ([task, history]): [string, unknown] => [
    task,
    history.map((run) => run.stored ?? runJSON(run)),
  ]);
  return sortedRecord(Object.fromEntries(lists));
}

function runJSON(run: MaintenanceRun): Record<string, unknown> {
  return {
    start: formatGoTime(run.start),
    end: formatGoTime(run.end),
    success: run.success || undefined,
    error: run.error || undefined,
    extra: run.extra.length === 0 ? undefined : run.extra.map(({ kind, data }) => ({ kind, data })),
  };
}

/**
 * The schedule with one more run at the head of its task's history, of which the oldest fall off. It takes the place of
 * a record that says the same run has not succeeded so far.
 */
export function reportRun(
  schedule: MaintenanceSchedule,
  task: string,
  run: MaintenanceRun,
): MaintenanceSchedule {
  const earlier = (schedule.runs.get(task) ?? []).filter(
    ({ start, success }) => success || start !== run.start,
  );
  const history = [run, ...earlier].slice(0, MAX_RUNS_PER_TASK);
  return { ...schedule, runs: new Map(schedule.runs).set(task, history) };
}

/** A run that has not ended, as of `now`; what the process records later takes its place. */
export function unfinishedRun(start: EpochNanoseconds, now: EpochNanoseconds): MaintenanceRun {
  return { start, end: now, success: false, error: 'it has not ended', extra: [] };
}
