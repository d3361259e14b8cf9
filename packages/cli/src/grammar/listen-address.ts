import { valueFlag } from './flag.ts';
import { UsageError } from './usage-error.ts';

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** `HOST:PORT`, `HOST` or `[IPv6]:PORT`, with `http://` before it if one likes. */
export const listenAddress: ReturnType<typeof valueFlag<ListenAddress>> = valueFlag(
  parseListenAddress,
  ({ host, port }) => `${host}:${port}`,
);

function parseListenAddress(given: string): ListenAddress {
  const [, bracketed, plain, digits = '0'] =
    /^(?:https?:\/\/)?(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/i.exec(given) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host !== undefined && port < 65_536) return { host, port };
  throw new UsageError(`needs HOST:PORT, such as 127.0.0.1:8080, not ${JSON.stringify(given)}`);
}
