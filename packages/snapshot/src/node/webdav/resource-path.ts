import { HttpFailure } from './http-failure.ts';

/**
 * The decoded components of a request target's path; empty ones are skipped. An encoded slash stays within its
 * component, where no entry matches it. HttpFailure 400 if the target is no path or its escapes are not UTF-8.
 */
export function parseRequestPath(target: string): readonly string[] {
  const path = /^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(target)?.[1] ?? '';
  if (path !== '' && !path.startsWith('/')) throw badTarget();
  try {
    return path
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
  } catch {
    throw badTarget();
  }
}

function badTarget(): HttpFailure {
  return new HttpFailure(400, 'the request target is not a path in UTF-8');
}

/** The absolute path with every special character escaped; that of a directory ends in a slash. */
export function encodePath(names: readonly string[], isDirectory: boolean): string {
  const path = names.map((name) => `/${encodeURIComponent(name)}`).join('');
  return isDirectory ? `${path}/` : path;
}
