import { Readable } from 'node:stream';

import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { NodeHttpHandlerOptions } from '@smithy/node-http-handler';

import type { RoomForBody } from './http-answer.ts';
import type { HttpGetter } from './http-getter.ts';

type Handle = NodeHttpHandler['handle'];
type HandlerRequest = Parameters<Handle>[0];
type HandlerAnswer = Awaited<ReturnType<Handle>>;

/** What a command may be sent with, beside what the SDK knows. */
export interface ReceivingOptions {
  /** Where the body of a success goes. What the SDK returns then has an empty body. */
  readonly roomFor?: RoomForBody;
}

/** An error, or a page of a listing. */
const MAX_TEXT = 32 * 1024 * 1024;

/**
 * Sends what the SDK has signed: GETs by {@link HttpGetter}, which reads bodies into the memory that they are for, all
 * else by `node:http`.
 */
export class S3RequestHandler extends NodeHttpHandler {
  readonly #getter: HttpGetter;

  constructor(getter: HttpGetter, options: NodeHttpHandlerOptions) {
    super(options);
    this.#getter = getter;
  }

  override destroy(): void {
    this.#getter.close();
    super.destroy();
  }

  override async handle(
    request: HandlerRequest,
    options: NonNullable<Parameters<Handle>[1]> & ReceivingOptions = {},
  ): Promise<HandlerAnswer> {
    if (request.method !== 'GET' || request.body !== undefined) {
      return super.handle(request, options);
    }
    const { roomFor, abortSignal } = options;
    const usesTLS = request.protocol === 'https:';
    const answer = await this.#getter.get({
      origin: {
        usesTLS,
        host: request.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: request.port ?? (usesTLS ? 443 : 80),
      },
      target: targetOf(request),
      headers: request.headers,
      roomFor: (head, length) => {
        const isSuccess = head.status >= 200 && head.status < 300;
        if (isSuccess && roomFor !== undefined) return roomFor(head, length);
        return length > MAX_TEXT ? undefined : new Uint8Array(length);
      },
      signal: abortSignal as AbortSignal | undefined,
    });
    const { status, reason, headers, body = new Uint8Array(0) } = answer;
    const isReceived = roomFor !== undefined && status >= 200 && status < 300;
    return {
      response: {
        statusCode: status,
        reason,
        headers: { ...headers },
        body: Readable.from(isReceived ? [] : [Buffer.from(body.buffer, 0, body.length)]),
      },
    };
  }
}

/** Path and query as they were signed. */
function targetOf({ path, query }: HandlerRequest): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.map((one) => `${escape(name)}=${escape(one)}`)
      : [value === null ? escape(name) : `${escape(name)}=${escape(value)}`],
  );
  return parts.length === 0 ? path : `${path}?${parts.toSorted().join('&')}`;
}

function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
