import {
  abortOptions,
  contentPrefix,
  NANOSECONDS_PER_SECOND,
  type ContentID,
  type ContentIDSet,
  type ContentInfo,
  type MaintenanceStatistics,
  type Repository,
  type RepositoryWriter,
  type SnapshotGC,
  type TaskContext,
} from '@longshore/repo';
import { findUsedContents } from './used-contents.ts';

/** Contents of manifests: who writes manifests also deletes their contents. */
const SYSTEM_PREFIX = 'm';

/** Marks after which they are committed, which bounds what is held in memory. Kopia's number. */
const COMMIT_INTERVAL = 100_000;

/** What one run needs of {@link TaskContext}. */
export type SnapshotGCContext = Pick<
  TaskContext,
  'safety' | 'startTime' | 'dryRun' | 'signal' | 'onChange'
>;

/** The collection as a task of full maintenance. */
export const snapshotGCTask: SnapshotGC = async (context) => {
  const { repository, signal } = context;
  await using writer = repository.newWriter(abortOptions({ signal }));
  return await runSnapshotGC(repository, writer, context);
};

/**
 * Marks each content that no snapshot needs as deleted if it is old enough, and stores deleted ones anew that
 * some snapshot needs. Nothing leaves the index or the storage here. `repository` must have been refreshed after
 * `startTime`. Any doubt about what snapshots need is an error, and then no mark is made.
 */
async function runSnapshotGC(
  repository: Repository,
  writer: RepositoryWriter,
  context: SnapshotGCContext,
): Promise<MaintenanceStatistics> {
  // The view of the contents is fixed before the snapshots are listed: whatever appears in between can only
  // add to what is needed.
  const contents = repository.contents.iterateContents({ includeDeleted: true });
  const used = await findUsedContents(repository, abortOptions(context));
  const collection = new Collection(writer, used, context);
  for (const info of contents) {
    const step = collection.visit(info);
    if (step !== undefined) await step;
  }
  await collection.commit();
  return { kind: 'snapshotGCStats', data: collection.statistics() };
}

interface Tally {
  count: number;
  size: number;
}

class Collection {
  readonly #writer: RepositoryWriter;
  readonly #used: ContentIDSet;
  readonly #context: SnapshotGCContext;
  readonly #unreferenced: Tally = { count: 0, size: 0 };
  readonly #deleted: Tally = { count: 0, size: 0 };
  readonly #recent: Tally = { count: 0, size: 0 };
  readonly #inUse: Tally = { count: 0, size: 0 };
  readonly #system: Tally = { count: 0, size: 0 };
  readonly #recovered: Tally = { count: 0, size: 0 };
  #uncommitted = 0;

  constructor(writer: RepositoryWriter, used: ContentIDSet, context: SnapshotGCContext) {
    this.#writer = writer;
    this.#used = used;
    this.#context = context;
  }

  /** Undefined if there was nothing to do, which is the rule: no promise for each content. */
  visit(info: ContentInfo): Promise<void> | undefined {
    if (contentPrefix(info.contentID) === SYSTEM_PREFIX) {
      tally(this.#system, info);
    } else if (this.#used.has(info.contentID)) {
      tally(this.#inUse, info);
      if (info.deleted) return this.#recover(info);
    } else if (this.#isRecent(info)) {
      tally(this.#recent, info);
    } else {
      tally(this.#unreferenced, info);
      if (!info.deleted) return this.#delete(info);
    }
    return undefined;
  }

  async commit(): Promise<void> {
    this.#uncommitted = 0;
    if (!this.#context.dryRun) await this.#writer.flush(this.#abort());
  }

  statistics(): object {
    return {
      unreferencedContentCount: this.#unreferenced.count,
      unreferencedContentSize: this.#unreferenced.size,
      deletedContentCount: this.#deleted.count,
      deletedContentSize: this.#deleted.size,
      unreferencedRecentContentCount: this.#recent.count,
      unreferencedRecentContentSize: this.#recent.size,
      inUseContentCount: this.#inUse.count,
      inUseContentSize: this.#inUse.size,
      inUseSystemContentCount: this.#system.count,
      inUseSystemContentSize: this.#system.size,
      recoveredContentCount: this.#recovered.count,
      recoveredContentSize: this.#recovered.size,
    };
  }

  #isRecent({ timestampSeconds }: ContentInfo): boolean {
    const { startTime, safety } = this.#context;
    const age = startTime - BigInt(timestampSeconds) * NANOSECONDS_PER_SECOND;
    return age < safety.minContentAgeSubjectToGC;
  }

  async #recover(info: ContentInfo): Promise<void> {
    this.#report('undelete-content', info, 'it is marked deleted, but a snapshot needs it');
    tally(this.#recovered, info);
    if (this.#context.dryRun) return;
    await this.#writer.contents.undeleteContent(info.contentID, this.#abort());
    await this.#changed();
  }

  async #delete(info: ContentInfo): Promise<void> {
    if (!this.#context.dryRun && !this.#isUnchanged(info.contentID, info)) {
      // Written again since the view was taken: as young as can be.
      tally(this.#recent, info);
      return;
    }
    this.#report('delete-content', info, 'no snapshot needs it');
    if (this.#context.dryRun) return;
    await this.#writer.contents.deleteContent(info.contentID, this.#abort());
    tally(this.#deleted, info);
    await this.#changed();
  }

  #isUnchanged(id: ContentID, { timestampSeconds }: ContentInfo): boolean {
    const current = this.#writer.contents.contentInfo(id);
    return (
      current !== undefined && !current.deleted && current.timestampSeconds === timestampSeconds
    );
  }

  async #changed(): Promise<void> {
    this.#uncommitted += 1;
    if (this.#uncommitted >= COMMIT_INTERVAL) await this.commit();
  }

  #report(
    action: 'delete-content' | 'undelete-content',
    { contentID, packedLength }: ContentInfo,
    reason: string,
  ): void {
    this.#context.onChange({ action, id: contentID, bytes: packedLength, reason });
  }

  #abort(): { readonly signal?: AbortSignal } {
    return abortOptions(this.#context);
  }
}

function tally(target: Tally, { packedLength }: ContentInfo): void {
  target.count += 1;
  target.size += packedLength;
}
