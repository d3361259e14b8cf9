import { appendFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { History, type HistoryReport } from './life/history.ts';

/** Replays one history and shows what happened in it. */
const ONLY_SEED = process.env['LONGSHORE_SEED'];
/** Minutes of processor time that go into histories; pauses of the process do not count. */
const MINUTES = Number(process.env['LONGSHORE_SIMULATION_MINUTES'] ?? 1);
/** Where a line a minute tells how far a long run is. */
const PROGRESS_FILE = process.env['LONGSHORE_SIMULATION_LOG'];
const FIRST_SEED = Number(process.env['LONGSHORE_FIRST_SEED'] ?? randomSeed());

/** Wall time may be a multiple of processor time on a machine that does other things as well. */
const TIMEOUT_MS = Math.max(10, MINUTES * 20) * 60_000;

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

function activeMinutes(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 60e6;
}

async function live(seed: number): Promise<HistoryReport> {
  const history = new History(seed);
  try {
    return await history.run();
  } catch (error) {
    const log = history.log.join('\n');
    throw new Error(`LONGSHORE_SEED=${seed} replays this history:\n${log}\n`, { cause: error });
  }
}

class Totals {
  histories = 0;
  readonly #sums = new Map<string, number>();

  add(report: HistoryReport): void {
    this.histories += 1;
    for (const name of [
      'days',
      'operations',
      'crashes',
      'failures',
      'snapshots',
      'restores',
      'pins',
      'tears',
    ] as const) {
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + report[name]);
    }
  }

  describe(): string {
    const sums = [...this.#sums].map(([name, sum]) => `${sum} ${name}`);
    return `${this.histories} histories: ${sums.join(', ')}`;
  }
}

it.runIf(ONLY_SEED !== undefined)(
  'the history of one seed ends well',
  async () => {
    const history = new History(Number(ONLY_SEED));
    const ending = await history.run().catch((error: unknown) => ({ error }));
    console.log(history.log.join('\n'));
    console.log(ending);
    expect(ending).not.toHaveProperty('error');
  },
  600_000,
);

it.runIf(ONLY_SEED === undefined)(
  'whatever happens to a repository, live snapshots restore, nothing goes too early, and space comes back',
  async () => {
    const totals = new Totals();
    const begun = activeMinutes();
    let told = begun;
    for (let seed = FIRST_SEED; activeMinutes() - begun < MINUTES; seed++) {
      totals.add(await live(seed));
      if (PROGRESS_FILE === undefined || activeMinutes() - told < 1) continue;
      told = activeMinutes();
      const line = `${(told - begun).toFixed(1)} minutes, seed ${seed}, ${totals.describe()}`;
      appendFileSync(PROGRESS_FILE, `${line}\n`);
    }
    console.log(`seeds from ${FIRST_SEED}, ${totals.describe()}`);
    expect(totals.histories).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

it.runIf(ONLY_SEED === undefined).each([3, 4, 6])(
  'seed %i gives the same history again, request by request',
  async (seed) => {
    expect(await live(seed)).toEqual(await live(seed));
  },
  300_000,
);
