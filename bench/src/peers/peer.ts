import type { ProgramCall } from '../measure.ts';
import type { Subject } from '../result.ts';
import type { FormatChoice, StorageTarget } from '../runners/engine-request.ts';

export const BENCH_PASSWORD = 'longshore-bench';
/** Whose snapshots they are, in every program: the same source is what lets one go on where another began. */
export const BENCH_SOURCE = { host: 'bench', userName: 'bench', path: '/bench/tree' } as const;

/** One client of one repository: a folder for its configuration and caches, and the storage. */
export interface ClientOptions {
  /** Nobody else's; made if it is missing. */
  readonly home: string;
  readonly storage: StorageTarget;
  readonly format: FormatChoice;
  /** Default: that of {@link BENCH_SOURCE}. Another one has no earlier snapshots. */
  readonly sourcePath?: string;
}

export interface PeerSnapshot {
  /** What `restore` takes; for Kopia and longshore the ID of the root object. */
  readonly reference: string;
  /** Present where it depends on nothing but the tree, the secret of the repository and its format. */
  readonly rootObjectID?: string;
}

/** A program connected to a repository. Each method says how to run it, and runs nothing. */
export interface PeerClient {
  snapshot(tree: string): ProgramCall;
  /** From what `snapshot` printed. */
  parseSnapshot(stdout: string): PeerSnapshot;
  /** All, or the file or folder at `path` below the root, so that it becomes `target` itself. */
  restore(snapshot: PeerSnapshot, target: string, path?: string): ProgramCall;
  /** Reads every byte. */
  verify(): ProgramCall;
  /** All snapshots. */
  list(): ProgramCall;
}

export interface Peer {
  readonly name: Subject;
  readonly version: string;
  /** Whether it can do this at all: a reason if not. */
  refusal(options: Pick<ClientOptions, 'storage' | 'format'>): string | undefined;
  create(options: ClientOptions): Promise<PeerClient>;
  connect(options: ClientOptions): Promise<PeerClient>;
}

/** The environment that all programs get: no settings of whoever runs the bench. */
export function plainEnvironment(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', TZ: 'UTC', LANG: 'C.UTF-8', HOME: home };
}
