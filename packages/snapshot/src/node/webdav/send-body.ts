import type { ServerResponse } from 'node:http';
import { Budget, type ByteRange, type ObjectReader } from '@longshore/repo';

/** Files that are being read at once; a reader holds some chunks. Further ones take turns. */
const MAX_READING = 6;
const TURN_BYTES = 32 * 1024 * 1024;
/** Bytes that wait in a response for its client. */
const MAX_PENDING_BYTES = 256 * 1024;
/** What slow clients have not taken yet of the chunks that were read for them, of all responses together. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const STALL_MS = 1000;

export interface BodySenderOptions {
  /** A client that takes nothing for so long gives up its place to others that wait. Default 1000. */
  readonly stallMs?: number;
  /** After so many a response makes room if others wait. Default 32 MiB. */
  readonly turnBytes?: number;
  /** Bytes of chunks that are kept for clients without a place. Default 64 MiB. */
  readonly keptBytes?: number;
}

export interface SendOptions {
  /** Aborted when the client is gone; nothing more is read then. */
  readonly signal: AbortSignal;
  /** Called before bytes are written: the first ones have been read then and found to be right. */
  readonly begin: () => void;
}

interface Turn {
  /** Bytes that were written or are kept. */
  readonly taken: number;
  /** The client took too long while others waited. */
  readonly isSlow?: boolean;
  /** The rest of the chunk that was being written. */
  readonly kept?: KeptBytes;
}

interface KeptBytes {
  readonly bytes: Uint8Array;
  readonly release: () => void;
}

/** Sends the bytes of objects. How much memory that takes is bounded by places, not by the number of clients. */
export class BodySender {
  readonly #places: Budget = new Budget(MAX_READING);
  readonly #keeping: Budget;
  readonly #stallMs: number;
  readonly #turnBytes: number;
  #waiting = 0;

  constructor({
    stallMs = STALL_MS,
    turnBytes = TURN_BYTES,
    keptBytes = MAX_KEPT_BYTES,
  }: BodySenderOptions = {}) {
    this.#keeping = new Budget(keptBytes);
    this.#stallMs = stallMs;
    this.#turnBytes = turnBytes;
  }

  /** Writes a range of an object to the response, which stays open. Rejects with the signal's reason if aborted. */
  async send(
    response: ServerResponse,
    reader: ObjectReader,
    { offset, length }: ByteRange,
    options: SendOptions,
  ): Promise<void> {
    const end = offset + length;
    let position = offset;
    let isSlow = false;
    if (length === 0) options.begin();
    while (position < end) {
      const left = { offset: position, length: end - position };
      const turn = await this.#takeTurn(response, reader, left, isSlow, options);
      position += turn.taken;
      isSlow ||= turn.isSlow === true;
      // Without a place: it may take as long as the client likes.
      if (turn.kept !== undefined) await sendKept(response, turn.kept, options.signal);
      if (response.writableNeedDrain) await drained(response, options.signal);
    }
  }

  async #takeTurn(
    response: ServerResponse,
    reader: ObjectReader,
    range: ByteRange,
    isSlow: boolean,
    options: SendOptions,
  ): Promise<Turn> {
    const giveBack = await this.#takePlace(options.signal);
    try {
      return await this.#sendTurn(response, reader, range, isSlow, options);
    } finally {
      giveBack();
    }
  }

  async #takePlace(signal: AbortSignal): Promise<() => void> {
    this.#waiting += 1;
    try {
      return await this.#places.acquire(1, { signal });
    } finally {
      this.#waiting -= 1;
    }
  }

  /**
   * Writes all, or until the client stalled or others had waited enough. What was read ahead is lost then, so nothing is
   * for a client that is known to be slow.
   */
  async #sendTurn(
    response: ServerResponse,
    reader: ObjectReader,
    range: ByteRange,
    isSlow: boolean,
    { signal, begin }: SendOptions,
  ): Promise<Turn> {
    let taken = 0;
    const stream = reader.stream({ range, signal, ...(isSlow ? { readAhead: 0 } : {}) });
    for await (const piece of stream) {
      begin();
      for (let start = 0; start < piece.length; start += MAX_PENDING_BYTES) {
        const part = pending(piece, start);
        taken += part.length;
        if (response.write(part)) continue;
        while (!(await drained(response, signal, this.#stallMs))) {
          if (this.#waiting === 0) continue;
          const kept = this.#keep(piece.subarray(start + part.length));
          if (kept === undefined) return { taken, isSlow: true };
          return { taken: taken + kept.bytes.length, isSlow: true, kept };
        }
      }
      if (taken >= this.#turnBytes && this.#waiting > 0) return { taken };
    }
    return { taken };
  }

  /** Undefined if too much is kept already: these bytes have to be read again. */
  #keep(rest: Uint8Array): KeptBytes | undefined {
    const release = this.#keeping.tryAcquire(rest.length);
    return release && { bytes: Buffer.from(rest), release };
  }
}

async function sendKept(
  response: ServerResponse,
  { bytes, release }: KeptBytes,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (let start = 0; start < bytes.length; start += MAX_PENDING_BYTES) {
      if (response.writableNeedDrain) await drained(response, signal);
      response.write(pending(bytes, start));
    }
  } finally {
    release();
  }
}

/** A copy: while the client takes its time, a view would keep the whole chunk in memory. */
function pending(bytes: Uint8Array, start: number): Uint8Array {
  return Buffer.from(bytes.subarray(start, start + MAX_PENDING_BYTES));
}

/** Writes text piece by piece as fast as the client takes it. Rejects with the signal's reason if aborted. */
export async function sendText(
  response: ServerResponse,
  pieces: Iterable<string>,
  signal: AbortSignal,
): Promise<void> {
  let gathered: string[] = [];
  let length = 0;
  for (const piece of pieces) {
    gathered.push(piece);
    length += piece.length;
    if (length < MAX_PENDING_BYTES) continue;
    if (!response.write(gathered.join(''))) await drained(response, signal);
    gathered = [];
    length = 0;
  }
  response.write(gathered.join(''));
}

/** True when the client has taken what was written; false if that lasts longer than `limitMs`. */
function drained(
  response: ServerResponse,
  signal: AbortSignal,
  limitMs?: number,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const stopWaiting = (): void => {
      clearTimeout(timer);
      response.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
    };
    const onDrain = (): void => {
      stopWaiting();
      resolve(true);
    };
    const onAbort = (): void => {
      stopWaiting();
      reject(signal.reason);
    };
    const onLimit = (): void => {
      stopWaiting();
      resolve(false);
    };
    const timer = limitMs === undefined ? undefined : setTimeout(onLimit, limitMs);
    response.on('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
