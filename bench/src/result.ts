import { pairRatios, summarize, type Summary } from './statistics.ts';

/** Of files in `results/`. A reader refuses others. */
export const RESULT_SCHEMA = 1;

export type Subject = 'longshore' | 'kopia' | 'restic' | 'rustic';

/** One measurement. */
export interface Sample {
  /** In the unit of its row. */
  readonly value: number;
  /** User and system time of all threads. */
  readonly cpuSeconds?: number;
  readonly peakBytes?: number;
}

/** One program, or one of its kernels, measured several times. Sample i of each subject was taken in turn i. */
export interface SubjectSamples {
  readonly subject: Subject;
  readonly version: string;
  readonly samples: readonly Sample[];
  /** Requests to the storage and bytes in each direction, counted once in a run that was not timed. */
  readonly requests?: number;
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  /** Stored bytes after the run. */
  readonly repositoryBytes?: number;
}

/** What the slowest part of the machine would need at least. */
export interface MachineLimit {
  readonly resource: string;
  readonly seconds: number;
  readonly parts: readonly LimitPart[];
}

export interface LimitPart {
  readonly resource: string;
  readonly seconds: number;
  /** How it comes about: `2.00 GB at 3.1 GB/s`. */
  readonly reason: string;
}

/** A limit that must hold: the bench fails where it does not. */
export interface Budget {
  readonly what: string;
  readonly limit: number;
  readonly actual: number;
  readonly unit: 'B';
}

export interface ResultRow {
  readonly name: string;
  /** Seconds: less is better. Bytes for each second: more is better. */
  readonly unit: 's' | 'B/s';
  readonly subjects: readonly SubjectSamples[];
  /** Ours divided by Kopia's should not be above it (seconds) or below it (rates). */
  readonly goal?: number;
  readonly limit?: MachineLimit;
}

export interface DatasetNote {
  readonly key: string;
  readonly about: string;
  readonly files: number;
  readonly bytes: number;
}

export interface BenchResult {
  readonly schema: typeof RESULT_SCHEMA;
  readonly scenario: string;
  readonly title: string;
  readonly group: string;
  readonly scale: number;
  /** Turns that were asked for; samples say how many there were time for. */
  readonly pairs: number;
  /** Programs that were to take part; some have nothing like it, or refuse. */
  readonly against: readonly Subject[];
  readonly dataset?: DatasetNote;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly tookSeconds: number;
  readonly machine: MachineNote;
  readonly commit: string;
  /** Equal outputs that were shown before anything was timed. */
  readonly proofs: readonly string[];
  readonly rows: readonly ResultRow[];
  readonly budgets: readonly Budget[];
  readonly notes: readonly string[];
}

export interface MachineNote {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Bytes for each second on one thread unless the name says otherwise. */
  readonly rates: Readonly<Record<string, number>>;
}

export function isOverBudget({ limit, actual }: Budget): boolean {
  return actual > limit;
}

/** One subject against longshore, pair by pair: longshore divided by it. */
export interface Comparison {
  readonly subject: Subject;
  readonly value: Summary | undefined;
  readonly cpu: Summary | undefined;
  readonly peak: Summary | undefined;
}

export function compare(row: ResultRow, subject: Subject): Comparison | undefined {
  const ours = row.subjects.find((one) => one.subject === 'longshore')?.samples;
  const theirs = row.subjects.find((one) => one.subject === subject)?.samples;
  if (ours === undefined || theirs === undefined) return undefined;
  const ratio = (of: (sample: Sample) => number | undefined): Summary | undefined =>
    pairRatios(ours.map(of), theirs.map(of));
  return {
    subject,
    value: ratio(({ value }) => value),
    cpu: ratio(({ cpuSeconds }) => cpuSeconds),
    peak: ratio(({ peakBytes }) => peakBytes),
  };
}

/** Undefined without samples. */
export function summaryOf(
  { samples }: SubjectSamples,
  of: (sample: Sample) => number | undefined = ({ value }) => value,
): Summary | undefined {
  const values = samples.flatMap((sample) => of(sample) ?? []);
  return values.length === 0 ? undefined : summarize(values);
}

/** Whether the median ratio to Kopia reaches the goal; undefined without goal or Kopia. */
export function meetsGoal(row: ResultRow): boolean | undefined {
  const ratio = compare(row, 'kopia')?.value?.median;
  if (row.goal === undefined || ratio === undefined) return undefined;
  return row.unit === 's' ? ratio <= row.goal : ratio >= row.goal;
}

/** A result file; an Error naming `what` for anything else. */
export function parseResult(text: string, what: string): BenchResult {
  const value = JSON.parse(text) as Partial<BenchResult> | null;
  if (typeof value !== 'object' || value === null || value.schema !== RESULT_SCHEMA) {
    throw new Error(`${what}: not a result of schema ${RESULT_SCHEMA}`);
  }
  for (const field of [
    'scenario',
    'title',
    'group',
    'rows',
    'machine',
    'commit',
    'against',
  ] as const) {
    if (value[field] === undefined) throw new Error(`${what}: ${field} is missing`);
  }
  return value as BenchResult;
}
