import { DynamicSplitter } from './dynamic.ts';
import { FixedSplitter } from './fixed.ts';
import { PLAIN_KERNELS, type SplitterKernels } from './kernels.ts';

/**
 * Finds the cuts of one stream. The cuts depend on the bytes since the start or the last {@link reset}, never on how
 * they were sliced.
 */
export interface Splitter {
  /** No segment but the last of a stream is shorter, in bytes. */
  readonly minSegmentSize: number;
  /** No segment is longer, in bytes. */
  readonly maxSegmentSize: number;
  /**
   * How many bytes of `data` the current segment takes, up to and including its cut: pass the rest again. -1: no cut, all
   * of `data` belongs to the current segment. `data` is borrowed for the call.
   */
  nextSplitPoint(data: Uint8Array): number;
  /** Forgets the current segment: the next byte starts a new stream. */
  reset(): void;
}

const KIB = 1024;
type SizeName = '128K' | '256K' | '512K' | '1M' | '2M' | '4M' | '8M';
const SIZES: Readonly<Record<SizeName, number>> = {
  '128K': 128 * KIB,
  '256K': 256 * KIB,
  '512K': 512 * KIB,
  '1M': 1024 * KIB,
  '2M': 2048 * KIB,
  '4M': 4096 * KIB,
  '8M': 8192 * KIB,
};

/** The names that Kopia stores in repositories and policies. */
export type SplitterName =
  | 'DYNAMIC'
  | 'FIXED'
  | `DYNAMIC-${SizeName}-BUZHASH`
  | `DYNAMIC-${SizeName}-RABINKARP`
  | `FIXED-${SizeName}`;

type SplitterFactory = (kernels: SplitterKernels) => Splitter;

const FACTORIES: ReadonlyMap<SplitterName, SplitterFactory> = new Map([
  // The two names without a size are what the first repositories hold.
  ['DYNAMIC', (kernels) => new DynamicSplitter(SIZES['4M'], kernels.buzhash32)],
  ['FIXED', () => new FixedSplitter(SIZES['4M'])],
  ...sizes().flatMap((size): [SplitterName, SplitterFactory][] => [
    [`FIXED-${size}`, () => new FixedSplitter(SIZES[size])],
    [`DYNAMIC-${size}-BUZHASH`, (kernels) => new DynamicSplitter(SIZES[size], kernels.buzhash32)],
    [
      `DYNAMIC-${size}-RABINKARP`,
      (kernels) => new DynamicSplitter(SIZES[size], kernels.rabinKarp64),
    ],
  ]),
] satisfies [SplitterName, SplitterFactory][]);

function sizes(): readonly SizeName[] {
  return Object.keys(SIZES) as SizeName[];
}

/** All 23 names, sorted. */
export const SPLITTER_NAMES: readonly SplitterName[] = [...FACTORIES.keys()].sort();

/** What Kopia gives a new repository. */
export const DEFAULT_SPLITTER: SplitterName = 'DYNAMIC-4M-BUZHASH';

export function isSplitterName(name: string): name is SplitterName {
  return FACTORIES.has(name as SplitterName);
}

export interface SplitterOptions {
  /** From `loadSplitterKernels`; plain JavaScript if absent. Both cut at the same places. */
  readonly kernels?: SplitterKernels;
}

/** A splitter at the start of a stream. An unknown name is a RangeError that lists the known ones. */
export function createSplitter(name: SplitterName, options: SplitterOptions = {}): Splitter {
  const factory = FACTORIES.get(name);
  if (factory === undefined) {
    throw new RangeError(
      `unknown splitter ${JSON.stringify(name)}; known are ${SPLITTER_NAMES.join(', ')}`,
    );
  }
  return factory(options.kernels ?? PLAIN_KERNELS);
}
