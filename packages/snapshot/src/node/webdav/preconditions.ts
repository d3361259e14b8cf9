import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate, type Validators } from './validators.ts';

/** How a request goes on: as if it had no conditions, or with an answer that has no body. */
export type PreconditionResult = 'go on' | 'not modified' | 'failed';

/** The conditions of a GET or HEAD in the order that RFC 9110 (13.2.2) gives them. */
export function checkPreconditions(
  headers: IncomingHttpHeaders,
  { etag, modifiedSeconds }: Validators,
): PreconditionResult {
  const match = headers['if-match'];
  if (match !== undefined) {
    if (!listsTag(match, etag, 'strong')) return 'failed';
  } else {
    const unmodifiedSince = parseHttpDate(headers['if-unmodified-since'] ?? '');
    if (unmodifiedSince !== undefined && modifiedSeconds > unmodifiedSince) return 'failed';
  }
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) {
    return listsTag(noneMatch, etag, 'weak') ? 'not modified' : 'go on';
  }
  const modifiedSince = parseHttpDate(headers['if-modified-since'] ?? '');
  return modifiedSince !== undefined && modifiedSeconds <= modifiedSince ? 'not modified' : 'go on';
}

/** False: what the client has a part of is not this file, and it must get the whole. */
export function mayUseRange(
  ifRange: string | undefined,
  { etag, modifiedSeconds }: Validators,
): boolean {
  if (ifRange === undefined) return true;
  const text = ifRange.trim();
  if (text.startsWith('"') || text.startsWith('W/')) return text === etag;
  return parseHttpDate(text) === modifiedSeconds;
}

/** `*` stands for any file that is there. A weak tag never matches strongly. */
function listsTag(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  return Array.from(list.matchAll(/(W\/)?("[^"]*")/g)).some(
    ([, weak, tag]) => tag === etag && (weak === undefined || comparison === 'weak'),
  );
}
