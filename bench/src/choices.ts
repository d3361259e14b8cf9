import type { PutRate, StorageProbe } from './runners/probe-storage.ts';
import type { SampleProbe } from './runners/probe-sample.ts';

/** One way to set a repository up, and what to expect of it. */
export interface Choice {
  readonly splitter: string;
  readonly hash: string;
  readonly encryption: string;
  readonly compression: string;
  /** Bytes of source data for each second. */
  readonly bytesPerSecond: number;
  /** What holds it back. */
  readonly boundBy: 'processor' | 'storage' | 'source';
  /** Stored bytes of a byte of source data. */
  readonly storedFraction: number;
  /** Puts of packs for a GB of source data. */
  readonly putsPerGB: number;
  /** Of all processors together, for a GB of source data. */
  readonly cpuSecondsPerGB: number;
}

export interface Proposal {
  readonly choice: Choice;
  readonly workers: number;
  readonly parallelUploads: number;
  readonly packSize: number;
  /** Peak of the engine, see ARCHITECTURE.md: slots, packs and threads. */
  readonly memoryBytes: number;
}

/** Stages wait for each other now and then: what the whole reaches of the sum of its parts. */
const EFFICIENCY = 0.85;
/** Within this part of the fastest, what stores least is better. */
const FAST_ENOUGH = 0.9;
/** A put rate so near the best one is worth no more connections or larger packs. */
const NEAR_BEST = 0.9;
const MB = 1e6;
const GB = 1e9;
const WORKER_BYTES = 12 * MB;
const BASE_BYTES = 80 * MB;

/** Every combination of what was measured, best first. */
export function rankChoices(
  sample: SampleProbe,
  storage: StorageProbe,
  cores: number,
): readonly Choice[] {
  const { best, packSize } = chooseUploads(storage.puts);
  const choices: Choice[] = [];
  for (const splitter of sample.splitters) {
    for (const hash of sample.hashes) {
      for (const cipher of sample.ciphers) {
        for (const compressor of sample.compressors) {
          const storedFraction = splitter.uniqueFraction * compressor.ratio;
          const secondsPerByte =
            1 / splitter.bytesPerSecond +
            1 / hash.bytesPerSecond +
            splitter.uniqueFraction / compressor.bytesPerSecond +
            storedFraction / cipher.bytesPerSecond;
          const rates = {
            processor: (EFFICIENCY * cores) / secondsPerByte,
            storage: best.bytesPerSecond / storedFraction,
            source: sample.readBytesPerSecond * cores,
          };
          const [boundBy, bytesPerSecond] = slowest(rates);
          choices.push({
            splitter: splitter.name,
            hash: hash.name,
            encryption: cipher.name,
            compression: compressor.name,
            bytesPerSecond,
            boundBy,
            storedFraction,
            putsPerGB: (GB * storedFraction) / packSize,
            cpuSecondsPerGB: GB * secondsPerByte,
          });
        }
      }
    }
  }
  return inOrder(choices);
}

/** The first of the ranked choices with what goes with it. */
export function propose(sample: SampleProbe, storage: StorageProbe, cores: number): Proposal {
  const choice = rankChoices(sample, storage, cores)[0];
  if (choice === undefined) throw new Error('nothing was measured');
  const { parallelUploads, packSize } = chooseUploads(storage.puts);
  const splitter = sample.splitters.find(({ name }) => name === choice.splitter);
  const slots = 2 * cores + 6;
  return {
    choice,
    workers: cores,
    parallelUploads,
    packSize,
    memoryBytes:
      BASE_BYTES +
      slots * (splitter?.maxSegmentSize ?? 0) +
      (parallelUploads + 2) * packSize +
      cores * WORKER_BYTES,
  };
}

/** The fewest connections, and then the smallest packs, that come near the best rate. */
export function chooseUploads(puts: readonly PutRate[]): {
  readonly best: PutRate;
  readonly parallelUploads: number;
  readonly packSize: number;
} {
  const best = puts.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond)[0];
  if (best === undefined) throw new Error('no put was measured');
  const enough = puts.filter((put) => put.bytesPerSecond >= NEAR_BEST * best.bytesPerSecond);
  const parallelUploads = Math.min(...enough.map(({ parallelism }) => parallelism));
  const packSize = Math.min(
    ...enough
      .filter(({ parallelism }) => parallelism === parallelUploads)
      .map((put) => put.packSize),
  );
  return { best, parallelUploads, packSize };
}

function slowest(
  rates: Readonly<Record<Choice['boundBy'], number>>,
): readonly [Choice['boundBy'], number] {
  const entries = Object.entries(rates) as [Choice['boundBy'], number][];
  return entries.toSorted((a, b) => a[1] - b[1])[0]!;
}

/** Those that are fast enough by what they store to the percent and then by what they compute; the others by speed. */
function inOrder(choices: readonly Choice[]): readonly Choice[] {
  const fastest = Math.max(...choices.map(({ bytesPerSecond }) => bytesPerSecond));
  const isFast = ({ bytesPerSecond }: Choice): boolean => bytesPerSecond >= FAST_ENOUGH * fastest;
  return choices.toSorted(
    (a, b) =>
      Number(isFast(b)) - Number(isFast(a)) ||
      (isFast(a)
        ? percent(a.storedFraction) - percent(b.storedFraction) ||
          a.cpuSecondsPerGB - b.cpuSecondsPerGB
        : b.bytesPerSecond - a.bytesPerSecond),
  );
}

function percent(fraction: number): number {
  return Math.round(100 * fraction);
}
