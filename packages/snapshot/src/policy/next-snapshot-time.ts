import { NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '@longshore/repo';
import { fromCivilTime, toCivilTime, type UTCOffset } from '../civil-time.ts';
import { parseCronExpression } from './cron-expression.ts';
import { nextCronTime } from './cron-time.ts';
import type { SchedulingPolicy } from './policy.ts';

export interface ScheduleState {
  /**
   * Start of the latest complete snapshot of the source, or of the latest attempt at one if that is later;
   * undefined: there was none.
   */
  readonly previous: EpochNanoseconds | undefined;
  readonly now: EpochNanoseconds;
  /** In whose days and hours the policy speaks: Kopia takes those of the machine. */
  readonly localTime: UTCOffset;
}

export interface NextSnapshot {
  /** Never before `now`. */
  readonly time: EpochNanoseconds;
  /** `time` is now. */
  readonly isDue: boolean;
  /** Due because a time of day or of a crontab passed without a snapshot. */
  readonly isMissed: boolean;
}

const SECONDS_PER_DAY = 86_400n;
const HALF_HOUR: EpochNanoseconds = 1800n * NANOSECONDS_PER_SECOND;
/** Intervals are counted from the start of the year 1, in UTC: seconds from there to the epoch. */
const INTERVAL_ORIGIN = 62_135_596_800n * NANOSECONDS_PER_SECOND;

/**
 * When the next snapshot of a source is to be taken: the earliest of what interval, times of day and crontab of its
 * effective policy say. Undefined: only by hand. Source: docs/format/policy.md.
 */
export function nextSnapshotTime(
  scheduling: SchedulingPolicy,
  { previous = 0n, now, localTime }: ScheduleState,
): NextSnapshot | undefined {
  if (scheduling.manual === true) return undefined;
  const time = earliest([
    nextInterval(scheduling, previous, now),
    nextPointInTime(scheduling, now, localTime),
  ]);
  if (time === undefined) return undefined;
  const isMissed =
    scheduling.runMissed === true &&
    time > now + HALF_HOUR &&
    wasMissed(scheduling, { previous, now, localTime });
  return isMissed ? { time: now, isDue: true, isMissed } : { time, isDue: time === now, isMissed };
}

function wasMissed(
  scheduling: SchedulingPolicy,
  { previous = 0n, now, localTime }: ScheduleState,
): boolean {
  const moment = previous + NANOSECONDS_PER_SECOND;
  const afterPrevious = nextPointInTime(scheduling, moment, localTime);
  return afterPrevious !== undefined && afterPrevious < now;
}

/** Aligned to whole intervals, so that it does not drift by what snapshots take. */
function nextInterval(
  { intervalSeconds = 0 }: SchedulingPolicy,
  previous: EpochNanoseconds,
  now: EpochNanoseconds,
): EpochNanoseconds | undefined {
  if (intervalSeconds <= 0) return undefined;
  const interval = BigInt(intervalSeconds) * NANOSECONDS_PER_SECOND;
  const end = previous + interval;
  const aligned = end - ((end + INTERVAL_ORIGIN) % interval);
  return aligned < now ? now : aligned;
}

function nextPointInTime(
  { timeOfDay = [], cron = [] }: SchedulingPolicy,
  now: EpochNanoseconds,
  localTime: UTCOffset,
): EpochNanoseconds | undefined {
  const today = timeOfDay.length === 0 ? undefined : toCivilTime(now, localTime);
  const times = timeOfDay.map(({ hour, min: minute }) => {
    const time = fromCivilTime({ ...today!, hour, minute, second: 0, nanosecond: 0 }, localTime);
    // Where clocks change overnight, Kopia is an hour off on that one day.
    return time < now ? time + SECONDS_PER_DAY * NANOSECONDS_PER_SECOND : time;
  });
  const cronTimes = cron.map((text) => {
    const expression = parseCronExpression(text);
    return expression === undefined ? undefined : nextCronTime(expression, now, localTime);
  });
  return earliest([...times, ...cronTimes]);
}

function earliest(times: readonly (EpochNanoseconds | undefined)[]): EpochNanoseconds | undefined {
  return times.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);
}
