import type { EpochNanoseconds } from '../clock.ts';
import { invariant } from '../errors.ts';
import type { ContentInfo } from './content-info.ts';
import type { PendingIndex } from './index/pending-index.ts';
import { packKind, type PackKind, type PackWriter, type TakeDeletions } from './pack-writer.ts';

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
  /** Rows of deletions that no pack's recovery index holds yet. */
  readonly #deletions: Record<PackKind, number[]> = { p: [], q: [] };
  /** When its first change came. */
  began: EpochNanoseconds | undefined;
  readonly #startSession: (takeDeletions: TakeDeletions) => Promise<BatchSession>;
  #starting: Promise<BatchSession> | undefined;
  #started: BatchSession | undefined;
  #writers = 0;
  #idle: (() => void)[] = [];

  constructor(
    entries: PendingIndex,
    startSession: (takeDeletions: TakeDeletions) => Promise<BatchSession>,
  ) {
    this.entries = entries;
    this.#startSession = startSession;
  }

  /** True if a commit would store nothing. */
  get isEmpty(): boolean {
    return this.entries.size === 0 && this.#writers === 0;
  }

  /** Started by the first caller: a batch that stores nothing has no session. A failed start is tried again. */
  session(): Promise<BatchSession> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Adds an entry that makes a content deleted; it goes into the recovery index of the next pack of its kind, too. */
  putDeletion(info: ContentInfo): void {
    this.#deletions[packKind(info.contentID)].push(this.entries.put(info));
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

  /** Stored bytes of a content whose pack has not left memory: a view, valid until the caller awaits something. */
  readFromMemory(info: ContentInfo): Uint8Array | undefined {
    return this.#started?.packs.read(info);
  }

  /** Gives up the session, if there is one: its packs are garbage from now on. Never throws. */
  async abandon(): Promise<void> {
    const session = await this.#starting?.catch(() => undefined);
    if (session === undefined) return;
    await session.packs.abandon();
    // A marker that stays behind only protects garbage for some days.
    await session.end().catch(() => undefined);
  }

  async #start(): Promise<BatchSession> {
    try {
      this.#started = await this.#startSession((kind) => this.#takeDeletions(kind));
      return this.#started;
    } catch (error) {
      this.#starting = undefined;
      throw error;
    }
  }

  /** A content that was stored again meanwhile stands in its new pack's recovery index. */
  #takeDeletions(kind: PackKind): readonly ContentInfo[] {
    const rows = this.#deletions[kind].splice(0);
    return rows.map((row) => this.entries.entryAt(row)).filter(({ deleted }) => deleted);
  }
}
