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
 * For a server without credentials: a page on the web could have the name of its own host resolve to this server, and
 * read everything through the browser of whoever looks at it, from a network that the page's author cannot reach.
 * Such a request still carries that name, so only addresses, `localhost` and `hostNames` are served.
 */
export function requireKnownName(hostNames: readonly string[]): AccessCheck {
  const names = new Set(['localhost', ...hostNames.map(comparable)]);
  return ({ host = '' }) => {
    const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
    const name = comparable(bracketed ?? plain ?? '');
    if (isIP(name) !== 0 || names.has(name)) return;
    throw new HttpFailure(
      421,
      'without a password this server answers to addresses and known names: add this one with --host-name',
    );
  };
}

/** What a network calls this machine by itself: `nas`, `nas.example.org` and `nas.local`. */
export function namesOfMachine(fullName: string): readonly string[] {
  const [label = ''] = fullName.split('.');
  return label === '' ? [] : [fullName, label, `${label}.local`];
}

/** Case does not count, nor the dot that ends a full name. */
function comparable(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
