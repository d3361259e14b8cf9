import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ProgramCall } from '../measure.ts';
import { findProgram } from './find-program.ts';
import {
  BENCH_PASSWORD,
  plainEnvironment,
  type ClientOptions,
  type Peer,
  type PeerClient,
  type PeerSnapshot,
} from './peer.ts';
import { runUntimed } from './run-untimed.ts';

/** Undefined without the program. On folders only: its S3 storage is configured in a way of its own. */
export function rusticPeer(): Peer | undefined {
  const program = findProgram('rustic', 'RUSTIC_BIN');
  if (program === undefined) return undefined;
  const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().split(' ')[1];
  const connect = async (options: ClientOptions): Promise<PeerClient> => {
    mkdirSync(options.home, { recursive: true });
    return new RusticClient(program, options);
  };
  return {
    name: 'rustic',
    version: version ?? '',
    refusal({ format, storage }) {
      if (storage.kind !== 'filesystem') return 'rustic is measured on folders only';
      return format.hash === undefined && format.splitter === undefined
        ? undefined
        : 'rustic has one hash and one splitter';
    },
    connect,
    async create(options) {
      const client = await connect(options);
      const { format } = options;
      await runUntimed(
        (client as RusticClient).call(
          'init',
          `--set-compression=${format.compression === undefined ? 0 : 3}`,
        ),
      );
      return client;
    },
  };
}

class RusticClient implements PeerClient {
  readonly #program: string;
  readonly #home: string;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(program: string, { home, storage }: ClientOptions) {
    this.#program = program;
    this.#home = home;
    this.#environment = {
      ...plainEnvironment(home),
      RUSTIC_REPOSITORY: storage.kind === 'filesystem' ? storage.path : '',
      RUSTIC_PASSWORD: BENCH_PASSWORD,
      RUSTIC_CACHE_DIR: join(home, 'cache'),
      RUSTIC_NO_PROGRESS: 'true',
    };
  }

  call(...parameters: readonly string[]): ProgramCall {
    return {
      program: this.#program,
      parameters,
      cwd: this.#home,
      environment: this.#environment,
    };
  }

  snapshot(tree: string): ProgramCall {
    const call = this.call('backup', '--json', '--host=bench', '--group-by=host', basename(tree));
    return { ...call, cwd: dirname(tree) };
  }

  parseSnapshot(stdout: string): PeerSnapshot {
    const { id } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { readonly id?: string };
    if (id === undefined) throw new Error(`rustic names no snapshot: ${stdout.slice(0, 200)}`);
    return { reference: `${id}:tree` };
  }

  restore({ reference }: PeerSnapshot, target: string, path?: string): ProgramCall {
    return this.call('restore', path === undefined ? reference : `${reference}/${path}`, target);
  }

  verify(): ProgramCall {
    return this.call('check', '--read-data');
  }

  list(): ProgramCall {
    return this.call('snapshots', '--json');
  }
}
