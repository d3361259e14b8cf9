import { createHash } from 'node:crypto';
import type { EpochNanoseconds, RandomSource } from '@longshore/repo';
import {
  createSeededRandom,
  type RandomNumber,
} from '../../../packages/repo/src/blob/seeded-random.ts';

export const SECOND = 1_000_000_000n;
export const MINUTE = 60n * SECOND;
export const HOUR = 60n * MINUTE;
export const DAY = 24n * HOUR;

const START: EpochNanoseconds = 1_704_067_200n * SECOND;

interface WorldEvent {
  readonly at: EpochNanoseconds;
  readonly run: () => void;
}

/** What chance decides in one history, all of it from one seed. */
export class Chance {
  readonly #random: RandomNumber;

  constructor(seed: number) {
    this.#random = createSeededRandom(seed);
  }

  /** In [0, 1). */
  readonly fraction: RandomNumber = () => this.#random();

  /** A chance of its own, which draws in between do not disturb. */
  branch(): Chance {
    return new Chance(this.below(2 ** 32));
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  between(least: number, most: number): number {
    return least + this.#random() * (most - least);
  }

  happens(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  duration(least: bigint, most: bigint): bigint {
    return least + BigInt(Math.floor(this.#random() * Number(most - least)));
  }

  readonly bytes: RandomSource = (target) => {
    for (let index = 0; index < target.length; index++) target[index] = this.below(256);
  };
}

/**
 * Time that goes from event to event. Between two events everything that can run without waiting has run, so that
 * one seed gives one course of things.
 */
export class VirtualWorld {
  #now = START;
  #failure: { readonly error: unknown } | undefined;
  readonly #events: WorldEvent[] = [];
  readonly #turns: (() => void)[] = [];
  readonly #digest = createHash('sha256');
  #untimed = 0;
  /** Looks at the world after each event, while it stands still. */
  afterEvent: () => Promise<void> | undefined = () => undefined;

  get now(): EpochNanoseconds {
    return this.#now;
  }

  at(delay: bigint, run: () => void): void {
    const event = { at: this.#now + (delay > 0n ? delay : 0n), run };
    const later = this.#events.findIndex(({ at }) => at > event.at);
    this.#events.splice(later < 0 ? this.#events.length : later, 0, event);
  }

  /** Becomes part of the digest, by which two runs of one seed can be compared. */
  trace(what: string): void {
    this.#digest.update(`${this.#now} ${what}\n`);
  }

  digest(): string {
    return this.#digest.copy().digest('hex');
  }

  /** Ends the run with the first error that is told. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Time stands still until this is done. */
  readonly untimed = <T>(work: Promise<T>): Promise<T> => {
    this.#untimed += 1;
    return work.finally(() => {
      this.#untimed -= 1;
    });
  };

  async run<T>(main: Promise<T>): Promise<T> {
    let isOver = false;
    const settle = (): void => void (isOver = true);
    main.then(settle, settle);
    const giveBack = this.#takeTimers();
    try {
      for (;;) {
        await this.#settle();
        await this.afterEvent();
        if (this.#failure !== undefined) throw this.#failure.error;
        if (isOver) return await main;
        const next = this.#events.shift();
        if (next === undefined) throw new Error('everybody waits and nothing is left to happen');
        this.#now = next.at;
        next.run();
      }
    } finally {
      giveBack();
    }
  }

  /** Runs what needs no time, turns of the event loop included. */
  async #settle(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#untimed > 0) continue;
      const turn = this.#turns.shift();
      if (turn === undefined) return;
      turn();
    }
  }

  /** An upload yields to the event loop with timers of no length; any other real timer would break the spell. */
  #takeTimers(): () => void {
    const real = globalThis.setTimeout;
    const virtual = (run: () => void, milliseconds = 0): number => {
      if (milliseconds !== 0) this.fail(new Error(`a real timer of ${milliseconds} ms`));
      return this.#turns.push(run);
    };
    globalThis.setTimeout = virtual as unknown as typeof setTimeout;
    return () => {
      globalThis.setTimeout = real;
    };
  }
}
