import { hostname, userInfo } from 'node:os';
import type { ClientIdentity } from '@longshore/repo';

/** The login name and the host's name up to its first dot, in lower case: as Kopia names a client. */
export function defaultIdentity(): ClientIdentity {
  return { userName: loginName(), hostName: hostname().split('.')[0]!.toLowerCase() || 'nohost' };
}

function loginName(): string {
  try {
    const { username } = userInfo();
    return username.slice(username.indexOf('\\') + 1) || 'nobody';
  } catch {
    // A user ID without an entry in the user database.
    return 'nobody';
  }
}
