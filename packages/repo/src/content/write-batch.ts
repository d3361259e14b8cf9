import { invariant } from '../errors.ts';
import type { ContentInfo } from './content-info.ts';
import type { PendingIndex } from './index/pending-index.ts';
import type { PackWriter } from './pack-writer.ts';

/** A write session: its marker is stored, its packs are being filled. */
export interface BatchSession {
  readonly sessionID: string;
  readonly packs: PackWriter;
  /** Deletes the marker. */
  end(): Promise<void>;
}

/**
 * What one commit takes to the storage: the packs of one write session and the index entries that name
 * them. Others see nothing of it before its index blobs are stored.
 */
export class WriteBatch {
  /** Uncommitted entries, deletions included. */
  readonly entries: PendingIndex;
  readonly #startSession: () => Promise<BatchSession>;
  #session: Promise<BatchSession> | undefined;
  #writers = 0;
  #idle: (() => void)[] = [];

  constructor(entries: PendingIndex, startSession: () => Promise<BatchSession>) {
    this.entries = entries;
    this.#startSession = startSession;
  }

  /** True if a commit would store nothing. */
  get isEmpty(): boolean {
    return this.entries.size === 0 && this.#writers === 0;
  }

  /** Started by the first caller: a batch that stores nothing has no session. */
  session(): Promise<BatchSession> {
    this.#session ??= this.#startSession();
    return this.#session;
  }

  get startedSession(): Promise<BatchSession> | undefined {
    return this.#session;
  }

  /** The batch is not committed before the returned function is called. */
  enter(): () => void {
    this.#writers += 1;
    let inside = true;
    return () => {
      invariant(inside, 'a writer leaves its batch once');
      inside = false;
      this.#writers -= 1;
      if (this.#writers > 0) return;
      for (const resume of this.#idle.splice(0)) resume();
    };
  }

  /** Resolves when no writer is inside. */
  async whenIdle(): Promise<void> {
    while (this.#writers > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Stored bytes of a content whose pack has not left memory. */
  async readFromMemory(info: ContentInfo): Promise<Uint8Array | undefined> {
    return (await this.#session)?.packs.read(info);
  }
}
