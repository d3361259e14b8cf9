import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LongshoreForm } from '../arguments.ts';
import type { ProgramCall } from '../measure.ts';
import { isCommandBuilt, longshoreVersion, runnerParameters } from '../project.ts';
import type { EngineAnswer, EngineRequest, EngineTask } from '../runners/engine-request.ts';
import { kopiaGrammarPeer } from './kopia-grammar.ts';
import {
  BENCH_PASSWORD,
  BENCH_SOURCE,
  plainEnvironment,
  type ClientOptions,
  type Peer,
  type PeerClient,
  type PeerSnapshot,
} from './peer.ts';
import { runUntimed } from './run-untimed.ts';

/** The command as it is shipped if it is built, else the library; or whichever is asked for. */
export function longshorePeer(form?: LongshoreForm): Peer {
  return (form ?? (isCommandBuilt() ? 'cli' : 'library')) === 'cli'
    ? kopiaGrammarPeer({
        name: 'longshore',
        version: `${longshoreVersion()} (command)`,
        program: process.execPath,
        parameters: [...runnerParameters('longshore-cli')],
        // As Kopia beside it: what a snapshot costs, not the maintenance that may be due after it.
        flags: ['--no-progress', '--no-auto-maintenance'],
      })
    : libraryPeer();
}

/** How many threads and buffers the library is given. */
export interface EngineLimits {
  readonly workers?: number;
  readonly lowMemory?: boolean;
}

/** The library in a process of its own. */
export function libraryPeer(limits: EngineLimits = {}): Peer {
  return {
    name: 'longshore',
    version: `${longshoreVersion()} (library)`,
    refusal: () => undefined,
    async create(options) {
      await runUntimed(engineCall(options, limits, { kind: 'create', format: options.format }));
      return new LibraryClient(options, limits);
    },
    async connect(options) {
      return new LibraryClient(options, limits);
    },
  };
}

class LibraryClient implements PeerClient {
  readonly #options: ClientOptions;
  readonly #limits: EngineLimits;

  constructor(options: ClientOptions, limits: EngineLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  snapshot(tree: string): ProgramCall {
    const path = this.#options.sourcePath ?? BENCH_SOURCE.path;
    return this.#call({ kind: 'snapshot', tree, source: { ...BENCH_SOURCE, path } });
  }

  parseSnapshot(stdout: string): PeerSnapshot {
    const { rootObjectID } = JSON.parse(stdout) as EngineAnswer;
    if (rootObjectID === undefined) throw new Error(`no root object: ${stdout}`);
    return { reference: rootObjectID, rootObjectID };
  }

  restore({ reference }: PeerSnapshot, target: string, path = ''): ProgramCall {
    return this.#call({ kind: 'restore', rootObjectID: reference, path, target });
  }

  verify(): ProgramCall {
    return this.#call({ kind: 'verify' });
  }

  list(): ProgramCall {
    return this.#call({ kind: 'list' });
  }

  #call(task: EngineTask): ProgramCall {
    return engineCall(this.#options, this.#limits, task);
  }
}

/** One task of the library as a program. */
export function engineCall(
  { home, storage }: Omit<ClientOptions, 'format'>,
  limits: EngineLimits,
  task: EngineTask,
): ProgramCall {
  mkdirSync(home, { recursive: true });
  const request: EngineRequest = {
    storage,
    password: BENCH_PASSWORD,
    ...(storage.kind === 's3' ? { cacheFolder: join(home, 'cache') } : {}),
    ...limits,
    task,
  };
  return {
    program: process.execPath,
    parameters: [
      ...(task.kind === 'open' ? ['--expose-gc'] : []),
      ...runnerParameters('engine'),
      JSON.stringify(request),
    ],
    cwd: home,
    environment: plainEnvironment(home),
  };
}
