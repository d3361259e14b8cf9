/** Where the bytes of an archive go, in order. */
export interface ArchiveSink {
  /** `data` is borrowed until the promise settles. */
  write(data: Uint8Array): Promise<void>;
  /** Makes what was written the archive. */
  finish(): Promise<void>;
  /** Leaves nothing behind. Does nothing after `finish`. */
  abandon(): Promise<void>;
}

/** What is put behind another sink, compressed or not. Holds no more than the streams of the platform do. */
export class StreamedBytes {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #drained: Promise<void>;
  #failure: { readonly error: unknown } | undefined;

  constructor(format: 'gzip' | 'deflate-raw', onBytes: (data: Uint8Array) => Promise<void>) {
    const stream = new CompressionStream(format);
    this.#writer = stream.writable.getWriter();
    this.#drained = stream.readable
      .pipeTo(new WritableStream({ write: onBytes }))
      .catch((error: unknown) => {
        this.#failure = { error };
      });
  }

  /** Resolves when there is room for more. */
  async write(data: Uint8Array): Promise<void> {
    // The stream keeps what it is given until it gets to it, and the caller's buffer is only borrowed.
    const written = this.#writer.write(new Uint8Array(data));
    written.catch(() => undefined);
    await this.#writer.ready.catch(() => undefined);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Resolves when all of it has been handed on. */
  async end(): Promise<void> {
    await this.#writer.close().catch(() => undefined);
    await this.#drained;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async abort(): Promise<void> {
    await this.#writer.abort().catch(() => undefined);
    await this.#drained;
  }
}

/** The same bytes, through gzip. */
export function gzipSink(sink: ArchiveSink): ArchiveSink {
  const stream = new StreamedBytes('gzip', (data) => sink.write(data));
  return {
    write: (data) => stream.write(data),
    finish: async () => {
      await stream.end();
      await sink.finish();
    },
    abandon: async () => {
      await stream.abort();
      await sink.abandon();
    },
  };
}
