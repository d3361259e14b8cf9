import { describeError, forEachLimit, type BlobID, type ContentInfo } from '@longshore/repo';
import { withRepository, type Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { SilentFailure } from '../exit-codes.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { decimal, duration, integer } from '../grammar/value-flags.ts';
import { CONTENT_RANGE_FLAGS, contentsInRange } from './content-range.ts';

export const command: Command = defineCommand({
  summary: 'Check that every content lies in a pack that is there.',
  flags: {
    parallel: integer('Contents read at once.', { default: 16 }),
    full: flag('Read, decrypt and hash every content.'),
    'include-deleted': flag('Check deleted contents too.'),
    'download-percent': decimal('Share of contents to read, 0 to 100.', { default: 0 }),
    'progress-interval': duration('How often progress is shown.', { default: 3_000_000_000n }),
    ...CONTENT_RANGE_FLAGS,
  },
  args: {},
  showsRequests: true,
  async run(context, { flags }) {
    await withRepository(
      context,
      async (connection) => {
        const percent = flags.full ? 100 : flags['download-percent'];
        const verification = new Verification(context, connection, percent);
        await verification.listPacks();
        const contents = contentsInRange(connection.repository, flags, {
          includeDeleted: flags['include-deleted'],
        });
        await forEachLimit(
          contents,
          { parallelism: Math.max(1, flags.parallel), signal: context.signal },
          (info, signal) => verification.check(info, signal),
        );
        verification.finish();
      },
      { parallel: percentOf(flags) > 0 },
    );
  },
});

function percentOf(flags: { readonly full: boolean; readonly 'download-percent': number }): number {
  return flags.full ? 100 : flags['download-percent'];
}

class Verification {
  readonly #context: CommandContext;
  readonly #connection: Connection;
  readonly #percent: number;
  readonly #packLengths = new Map<BlobID, number>();
  #verified = 0;
  #read = 0;
  #missing = 0;
  #truncated = 0;
  #unreadable = 0;

  constructor(context: CommandContext, connection: Connection, percent: number) {
    this.#context = context;
    this.#connection = connection;
    this.#percent = percent;
  }

  /** Holds the length of every pack. */
  async listPacks(): Promise<void> {
    const { storage } = this.#connection;
    for (const prefix of ['p', 'q']) {
      for await (const { id, length } of storage.listBlobs(prefix, {
        signal: this.#context.signal,
      })) {
        this.#packLengths.set(id, length);
      }
    }
    this.#context.log.info(`Listed ${this.#packLengths.size} packs.`);
  }

  async check(info: ContentInfo, signal: AbortSignal): Promise<void> {
    this.#verified += 1;
    this.#context.progress.update(
      () => `Verified ${this.#verified} contents, ${this.#errors} errors`,
    );
    const { contentID, packBlobID, packOffset, packedLength } = info;
    const length = this.#packLengths.get(packBlobID);
    if (length === undefined) {
      this.#missing += 1;
      this.#report(`content ${contentID}: its pack ${packBlobID} is missing`);
    } else if (packOffset + packedLength > length) {
      this.#truncated += 1;
      this.#report(`content ${contentID}: its pack ${packBlobID} is too short`);
    } else if (this.#isDrawn()) await this.#readContent(info, signal);
  }

  finish(): void {
    const { log } = this.#context;
    log.info(
      `Verified ${this.#verified} contents, read ${this.#read}: ` +
        `${this.#missing} in missing packs, ${this.#truncated} in truncated packs, ${this.#unreadable} unreadable.`,
    );
    if (this.#errors === 0) return;
    log.error(`longshore: ${this.#errors} of ${this.#verified} contents are damaged`);
    throw new SilentFailure('contents are damaged');
  }

  get #errors(): number {
    return this.#missing + this.#truncated + this.#unreadable;
  }

  async #readContent({ contentID }: ContentInfo, signal: AbortSignal): Promise<void> {
    try {
      await this.#connection.repository.contents.getContent(contentID, { signal });
      this.#read += 1;
    } catch (error) {
      signal.throwIfAborted();
      this.#unreadable += 1;
      const message = describeError(error);
      this.#report(message.includes(contentID) ? message : `content ${contentID}: ${message}`);
    }
  }

  /** By chance, so that runs on many days cover everything. */
  #isDrawn(): boolean {
    return this.#percent >= 100 || Math.random() * 100 < this.#percent;
  }

  #report(message: string): void {
    this.#context.log.error(message);
  }
}
