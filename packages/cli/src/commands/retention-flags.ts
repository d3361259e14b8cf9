import type { BlobRetention } from '@longshore/repo';
import type { Flags, FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, oneOf } from '../grammar/value-flags.ts';

/** Object lock of a repository's blobs. */
export const RETENTION_FLAGS = {
  'retention-mode': oneOf(['none', 'GOVERNANCE', 'COMPLIANCE'])(
    'Object lock that the storage puts on new blobs.',
  ),
  'retention-period': duration('How long new blobs stay locked.'),
} as const satisfies Flags;

/** Undefined: nothing was said; `none`: locks are to be switched off. */
export function retentionOf(
  flags: FlagValues<typeof RETENTION_FLAGS>,
): BlobRetention | 'none' | undefined {
  const mode = flags['retention-mode'];
  const periodNanoseconds = flags['retention-period'];
  if (mode === 'none') return 'none';
  if (mode === undefined && periodNanoseconds === undefined) return undefined;
  if (mode === undefined || periodNanoseconds === undefined) {
    throw new UsageError('--retention-mode and --retention-period go together');
  }
  return { mode, periodNanoseconds };
}

/** As {@link retentionOf} for locks that a repository has: what is not said about them stays. */
export function changedRetention(
  flags: FlagValues<typeof RETENTION_FLAGS>,
  current: BlobRetention | undefined,
): BlobRetention | 'none' | undefined {
  const mode = flags['retention-mode'];
  const periodNanoseconds = flags['retention-period'];
  if (current === undefined || mode === 'none') return retentionOf(flags);
  if (mode === undefined && periodNanoseconds === undefined) return undefined;
  return {
    mode: mode ?? current.mode,
    periodNanoseconds: periodNanoseconds ?? current.periodNanoseconds,
  };
}
