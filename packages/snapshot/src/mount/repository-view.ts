import {
  abortOptions,
  NANOSECONDS_PER_SECOND,
  type AbortOptions,
  type Clock,
  type EpochNanoseconds,
  type Repository,
} from '@longshore/repo';

/** Nanoseconds after which new snapshots are looked for, and packs that maintenance has moved contents to. */
const REFRESH_INTERVAL: EpochNanoseconds = 60n * NANOSECONDS_PER_SECOND;

export interface RepositoryViewOptions extends AbortOptions {
  readonly clock: Clock;
  /** Told when the repository could not be read anew: what is known goes on to be used. */
  readonly onRefreshFailed?: (error: unknown) => void;
}

/** A repository that is kept open for long and read anew while it is used. */
export class RepositoryView {
  readonly repository: Repository;
  readonly #options: RepositoryViewOptions;
  #refreshedAt: EpochNanoseconds;
  #refreshing: Promise<void> | undefined;
  /** Changes whenever there may be something new. */
  generation = 0;

  constructor(repository: Repository, options: RepositoryViewOptions) {
    this.repository = repository;
    this.#options = options;
    this.#refreshedAt = options.clock();
  }

  /** Reads the repository anew if that was not done for a minute. Never fails. */
  async stayCurrent(): Promise<void> {
    const age = this.#options.clock() - this.#refreshedAt;
    // A clock that was set back must not stop it for good.
    if (age >= 0n && age < REFRESH_INTERVAL) return;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const { clock, signal, onRefreshFailed } = this.#options;
    try {
      await this.repository.refresh(abortOptions({ signal }));
      this.generation += 1;
    } catch (error) {
      onRefreshFailed?.(error);
    }
    this.#refreshedAt = clock();
  }
}
