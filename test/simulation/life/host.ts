import type { Clock, MaintenanceLock } from '@longshore/repo';
import type { Chance, VirtualWorld } from './virtual-world.ts';

/** A machine: its clock is off by something and goes a little too fast or too slow. */
export class Host {
  readonly userName: string;
  readonly clock: Clock;
  #isMaintaining = false;

  constructor(userName: string, world: VirtualWorld, chance: Chance, mostSkew: bigint) {
    this.userName = userName;
    const began = world.now;
    const offset = chance.duration(-mostSkew / 2n, mostSkew / 2n);
    // What it gains or loses in thirty days stays within the other half.
    const perDay = chance.duration(-mostSkew / 60n, mostSkew / 60n);
    this.clock = () => world.now + offset + ((world.now - began) * perDay) / 86_400_000_000_000n;
  }

  get identity(): { readonly userName: string; readonly hostName: string } {
    return { userName: this.userName, hostName: 'host' };
  }

  get owner(): string {
    return `${this.userName}@host`;
  }

  /** Kept by the operating system: it goes with the process that holds it. */
  lockFor(process: { readonly isAlive: boolean }): MaintenanceLock {
    return {
      tryAcquire: async () => {
        if (this.#isMaintaining && this.#holder?.isAlive === true) return undefined;
        this.#isMaintaining = true;
        this.#holder = process;
        return {
          [Symbol.asyncDispose]: async () => {
            this.#isMaintaining = false;
          },
        };
      },
    };
  }

  #holder: { readonly isAlive: boolean } | undefined;
}
