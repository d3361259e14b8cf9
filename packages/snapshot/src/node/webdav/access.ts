import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { HttpFailure } from './http-failure.ts';

/** Who may read: whoever knows these. The name has no colon. */
export interface Credentials {
  readonly userName: string;
  readonly password: string;
}

/** Lets a request through or throws HttpFailure. */
export type AccessCheck = (headers: IncomingHttpHeaders) => void;

/** Basic authentication, compared without telling by time how much of it was right. */
export function requireCredentials({ userName, password }: Credentials): AccessCheck {
  const key = randomBytes(32);
  const digest = (text: string): Uint8Array => createHmac('sha256', key).update(text).digest();
  const expected = digest(`${userName}:${password}`);
  return ({ authorization = '' }) => {
    const [, encoded = ''] = /^basic +(\S+) *$/i.exec(authorization) ?? [];
    if (timingSafeEqual(digest(Buffer.from(encoded, 'base64').toString()), expected)) return;
    throw new HttpFailure(401, 'name and password are needed', {
      headers: { 'WWW-Authenticate': 'Basic realm="longshore", charset="UTF-8"' },
    });
  };
}

/**
 * For a server without credentials: a page on the web could have the name of its own host resolve to this machine,
 * and read everything through the browser of whoever looks at it. Such a request still carries that name, so only
 * addresses, `localhost` and `hostName` are served.
 */
export function requireLocalName(hostName: string): AccessCheck {
  const names = new Set(['localhost', hostName.toLowerCase()]);
  return ({ host = '' }) => {
    const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
    const name = (bracketed ?? plain ?? '').toLowerCase();
    if (isIP(name) !== 0 || names.has(name)) return;
    throw new HttpFailure(421, 'this server goes by another name');
  };
}
