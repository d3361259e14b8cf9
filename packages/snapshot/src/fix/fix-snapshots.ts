import {
  abortOptions,
  LongshoreError,
  type AbortOptions,
  type RepositoryWriter,
} from '@longshore/repo';
import { positiveCount } from '../count-option.ts';
import { isDamage } from '../damage.ts';
import { encodeDirEntry, type DirEntry } from '../dir-manifest.ts';
import { metadataCompressor } from '../policy/compressor-choice.ts';
import { getEffectivePolicy } from '../policy/policy-store.ts';
import type { SnapshotManifest } from '../snapshot-manifest.ts';
import { updateSnapshot } from '../snapshot-store.ts';
import { FileChecker } from './file-checker.ts';
import { parseNamePattern } from './file-pattern.ts';
import {
  TreeRewriter,
  type TreeRewriterOptions,
  type UnreadableHandling,
} from './tree-rewriter.ts';

export type FixEvent =
  /** An entry is lost to `error`, and handled as was asked for. */
  | { readonly type: 'entry-invalid'; readonly path: string; readonly error: unknown }
  | { readonly type: 'entry-removed'; readonly path: string }
  | {
      readonly type: 'snapshot-fixed';
      readonly before: SnapshotManifest;
      /** Its ID is a new one if the fix is kept. */
      readonly after: SnapshotManifest;
    }
  | { readonly type: 'snapshot-unchanged'; readonly snapshot: SnapshotManifest };

export interface FixOptions extends AbortOptions {
  /** In this order. */
  readonly snapshots: readonly SnapshotManifest[];
  /** Save the manifests of what changed. Otherwise the caller had better not flush the writer. */
  readonly commit: boolean;
  /** Default `stub`. */
  readonly unreadableDirectories?: Exclude<UnreadableHandling, 'remove'>;
  /** Entries worked on at once; default 4. */
  readonly parallel?: number;
  readonly onEvent?: (event: FixEvent) => void;
}

export interface InvalidFilesOptions extends FixOptions {
  /** Default `stub`. */
  readonly invalidFiles?: UnreadableHandling;
  /** 0 to 100: how likely each file is read to its last byte. Default 0. */
  readonly verifyFilesPercent?: number;
  /** 0 to 1; needed unless the percentage is 0 or 100. */
  readonly randomFraction?: () => number;
}

export interface RemoveFilesOptions extends FixOptions {
  readonly objectIDs?: readonly string[];
  /** Shell patterns. */
  readonly names?: readonly string[];
}

const DEFAULT_PARALLEL = 4;

/**
 * Takes out of snapshots what cannot be read any more, or replaces it by stubs that say so. A storage that does not
 * answer ends it: nothing is ever called lost for that. Returns how many snapshots changed; the flush is the caller's.
 */
export async function fixInvalidFiles(
  writer: RepositoryWriter,
  options: InvalidFilesOptions,
): Promise<number> {
  const { invalidFiles = 'stub', verifyFilesPercent = 0, randomFraction, signal } = options;
  if (!(verifyFilesPercent >= 0 && verifyFilesPercent <= 100)) {
    throw new LongshoreError('INVALID_ARGUMENT', `${verifyFilesPercent} is no percentage`);
  }
  if (randomFraction === undefined && verifyFilesPercent % 100 !== 0) {
    throw new LongshoreError('INVALID_ARGUMENT', 'a share of the files needs a random source');
  }
  const checker = await FileChecker.create(
    writer,
    () => (randomFraction?.() ?? 0) * 100 < verifyFilesPercent,
    abortOptions({ signal }),
  );
  const rewriter: TreeRewriter = new TreeRewriter(writer, {
    ...rewriterOptions(options),
    checkDirectory: (entry, abort) => checker.checkDirectory(entry, abort),
    rewriteEntry: async (entry, path) => {
      if (entry.type === 'd') return entry;
      try {
        await checker.checkFile(entry, abortOptions({ signal }));
        return entry;
      } catch (error) {
        if (!isDamage(error)) throw error;
        options.onEvent?.({ type: 'entry-invalid', path, error });
        return rewriter.replaceUnreadable(entry, path, error, invalidFiles);
      }
    },
  });
  return fixSnapshots(writer, rewriter, options);
}

/** Takes entries out of snapshots by object ID or by name. INVALID_ARGUMENT if nothing is named. Otherwise as above. */
export async function removeFiles(
  writer: RepositoryWriter,
  options: RemoveFilesOptions,
): Promise<number> {
  const { objectIDs = [], names = [], onEvent } = options;
  if (objectIDs.length + names.length === 0) {
    throw new LongshoreError('INVALID_ARGUMENT', 'no files to remove are named');
  }
  const patterns = names.map(parseNamePattern);
  const ids = new Set(objectIDs);
  const isRemoved = ({ objectID, name }: DirEntry): boolean =>
    (objectID !== undefined && ids.has(objectID)) || patterns.some((matches) => matches(name));
  const rewriter = new TreeRewriter(writer, {
    ...rewriterOptions(options),
    rewriteEntry: async (entry, path) => {
      if (!isRemoved(entry)) return entry;
      onEvent?.({ type: 'entry-removed', path });
      return undefined;
    },
  });
  return fixSnapshots(writer, rewriter, options);
}

function rewriterOptions({
  unreadableDirectories = 'stub',
  parallel = DEFAULT_PARALLEL,
  onEvent,
  signal,
}: FixOptions): Omit<TreeRewriterOptions, 'rewriteEntry'> {
  return {
    unreadableDirectories,
    onUnreadable: (path, error) => onEvent?.({ type: 'entry-invalid', path, error }),
    parallel: positiveCount('parallel', parallel),
    ...abortOptions({ signal }),
  };
}

async function fixSnapshots(
  writer: RepositoryWriter,
  rewriter: TreeRewriter,
  { snapshots, commit, onEvent, signal }: FixOptions,
): Promise<number> {
  let fixed = 0;
  for (const before of snapshots) {
    signal?.throwIfAborted();
    const { rootEntry } = before;
    const { policy } = await getEffectivePolicy(writer, before.source, abortOptions({ signal }));
    rewriter.metadataCompressor = metadataCompressor(policy.metadataCompression);
    const root = rootEntry === undefined ? undefined : await rewriter.rewriteRoot(rootEntry);
    if (root === undefined || isSameEntry(root, rootEntry)) {
      onEvent?.({ type: 'snapshot-unchanged', snapshot: before });
      continue;
    }
    fixed += 1;
    const draft = { ...before, rootEntry: root };
    const after = commit ? await updateSnapshot(writer, draft) : draft;
    onEvent?.({ type: 'snapshot-fixed', before, after });
  }
  return fixed;
}

function isSameEntry(a: DirEntry, b: DirEntry | undefined): boolean {
  return a === b || (b !== undefined && encodeDirEntry(a) === encodeDirEntry(b));
}
