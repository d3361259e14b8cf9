import type { OutgoingHttpHeaders } from 'node:http';

/** A request that is answered with a status and nothing of what it asked for. */
export class HttpFailure extends Error {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** XML; undefined: the message is the body. */
  readonly xml: string | undefined;

  constructor(
    status: number,
    message: string,
    { headers = {}, xml }: { readonly headers?: OutgoingHttpHeaders; readonly xml?: string } = {},
  ) {
    super(message);
    this.name = 'HttpFailure';
    this.status = status;
    this.headers = headers;
    this.xml = xml;
  }
}
