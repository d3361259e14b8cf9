import { LongshoreError, type Labels } from '@longshore/repo';

/** Who a snapshot or policy belongs to, written `user@host:path`. All three empty: the global policy's target. */
export interface SourceInfo {
  readonly host: string;
  readonly userName: string;
  readonly path: string;
}

export const GLOBAL_SOURCE: SourceInfo = { host: '', userName: '', path: '' };

/** `user@host:path`, `user@host`, `@host` or `(global)`. */
export function formatSource(source: SourceInfo): string {
  if (sameSource(source, GLOBAL_SOURCE)) return '(global)';
  const owner = `${source.userName}@${source.host}`;
  return source.path === '' ? owner : `${owner}:${source.path}`;
}

/**
 * Inverse of {@link formatSource}. Text without `@` is a local path: `absolutePath` makes it absolute, and the
 * client's own user and host apply. INVALID_ARGUMENT if a host is missing.
 */
export function parseSource(
  text: string,
  client: {
    readonly host: string;
    readonly userName: string;
    readonly absolutePath: (path: string) => string;
  },
): SourceInfo {
  if (text === '(global)') return GLOBAL_SOURCE;
  const at = text.indexOf('@');
  const colon = text.indexOf(':');
  if (at > 0 && colon > at) {
    return {
      userName: text.slice(0, at),
      host: text.slice(at + 1, colon),
      path: text.slice(colon + 1),
    };
  }
  if (at >= 0 && colon < 0) {
    const host = text.slice(at + 1);
    if (host === '') {
      throw new LongshoreError('INVALID_ARGUMENT', `source ${JSON.stringify(text)} names no host`);
    }
    return { userName: text.slice(0, at), host, path: '' };
  }
  return { host: client.host, userName: client.userName, path: client.absolutePath(text) };
}

export function sameSource(a: SourceInfo, b: SourceInfo): boolean {
  return a.host === b.host && a.userName === b.userName && a.path === b.path;
}

/** Labels by which the snapshots of a source are found. */
export function snapshotLabels(source: SourceInfo): Labels {
  return {
    type: 'snapshot',
    hostname: source.host,
    username: source.userName,
    path: source.path,
  };
}
