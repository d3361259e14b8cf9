import { formatGoTime } from '@longshore/repo';
import type { UploadLogLine, UploadLogOptions } from '@longshore/snapshot';
import { formatGoDuration } from '../grammar/go-duration.ts';
import type { Log, LogDetails } from '../log.ts';
import { modeString } from './mode-string.ts';

/** Where uploads write what logging policies ask for; undefined: nobody would see it. Negative details: as the policies say. */
export function uploadLog(
  log: Log,
  details: { readonly directoryDetail?: number; readonly entryDetail?: number } = {},
): UploadLogOptions | undefined {
  if (!log.takes('debug')) return undefined;
  const { directoryDetail = -1, entryDetail = -1 } = details;
  return {
    write: ({ message, details: of }) => log.debug(message, logDetails(of)),
    nowMs: () => performance.now(),
    ...(directoryDetail < 0 ? {} : { directoryDetail }),
    ...(entryDetail < 0 ? {} : { entryDetail }),
  };
}

/** Under Kopia's names; those that are undefined are left out of JSON. */
function logDetails(details: UploadLogLine['details']): LogDetails {
  const { path, error, durationMs, entry, size, files, dirs, errors, mtime, objectID } = details;
  return {
    path,
    error,
    dur:
      durationMs === undefined
        ? undefined
        : formatGoDuration(BigInt(Math.round(durationMs * 1_000_000))),
    mode: entry === undefined ? undefined : modeString(entry),
    size,
    files,
    dirs,
    errors,
    mtime: mtime === undefined ? undefined : wholeSeconds(mtime),
    oid: objectID,
  };
}

/** `2026-11-24T11:43:35Z`; fractions are left out. */
function wholeSeconds(mtime: bigint): string {
  return formatGoTime(mtime).replace(/\.\d+/, '');
}
