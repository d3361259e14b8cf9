import { REQUEST_CLASSES, totalRequests, type RequestCounts } from '@longshore/repo';
import { formatBytes } from './units.ts';

/**
 * `Storage requests: 2 list, 3 put, 1 delete; 4.2 KB up, 0 B down`: classes without any are left out. Undefined if no
 * storage was asked for anything.
 */
export function requestLine(counts: RequestCounts): string | undefined {
  if (totalRequests(counts) === 0) return undefined;
  const classes = REQUEST_CLASSES.filter((name) => counts[name] > 0);
  const requests = classes.map((name) => `${counts[name]} ${name}`).join(', ');
  const { bytesUp, bytesDown } = counts;
  return `Storage requests: ${requests}; ${formatBytes(bytesUp)} up, ${formatBytes(bytesDown)} down`;
}

/** The member `storageRequests` of an object that `--json` prints. */
export function requestsJSON(counts: RequestCounts): { readonly storageRequests: RequestCounts } {
  return { storageRequests: counts };
}
