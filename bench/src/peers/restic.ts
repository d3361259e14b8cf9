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

/** Undefined without the program. Its own format and compression: Kopia's choices mean nothing to it. */
export function resticPeer(): Peer | undefined {
  const program = findProgram('restic', 'RESTIC_BIN');
  if (program === undefined) return undefined;
  const version = execFileSync(program, ['version'], { encoding: 'utf8' }).split(' ')[1] ?? '';
  const connect = async (options: ClientOptions): Promise<PeerClient> => {
    mkdirSync(options.home, { recursive: true });
    return new ResticClient(program, options);
  };
  return {
    name: 'restic',
    version,
    refusal: ({ format }) =>
      format.hash === undefined && format.splitter === undefined
        ? undefined
        : 'restic has one hash and one splitter',
    connect,
    async create(options) {
      const client = await connect(options);
      await runUntimed((client as ResticClient).call('init'));
      return client;
    },
  };
}

class ResticClient implements PeerClient {
  readonly #program: string;
  readonly #home: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #compression: string;

  constructor(program: string, { home, storage, format }: ClientOptions) {
    this.#program = program;
    this.#home = home;
    // Like Kopia's default, which compresses no files; `auto` is restic's own fast zstd.
    this.#compression = format.compression === undefined ? 'off' : 'auto';
    this.#environment = {
      ...plainEnvironment(home),
      RESTIC_PASSWORD: BENCH_PASSWORD,
      RESTIC_CACHE_DIR: join(home, 'cache'),
      RESTIC_REPOSITORY:
        storage.kind === 'filesystem'
          ? storage.path
          : `s3:${storage.disableTLS ? 'http' : 'https'}://${storage.endpoint}/${storage.bucket}/${storage.prefix}`,
      ...(storage.kind === 's3'
        ? {
            AWS_ACCESS_KEY_ID: storage.accessKeyID ?? '',
            AWS_SECRET_ACCESS_KEY: storage.secretAccessKey ?? '',
            AWS_DEFAULT_REGION: storage.region,
          }
        : {}),
    };
  }

  call(...parameters: readonly string[]): ProgramCall {
    return {
      program: this.#program,
      parameters: [...parameters, `--compression=${this.#compression}`],
      cwd: this.#home,
      environment: this.#environment,
    };
  }

  /** A relative path is kept as it is: trees in different folders are then the same source. */
  snapshot(tree: string): ProgramCall {
    const call = this.call('backup', '--json', '--host=bench', '--group-by=host', basename(tree));
    return { ...call, cwd: dirname(tree) };
  }

  parseSnapshot(stdout: string): PeerSnapshot {
    const last = stdout.trim().split('\n').at(-1) ?? '';
    const { snapshot_id: id } = JSON.parse(last) as { readonly snapshot_id?: string };
    if (id === undefined) throw new Error(`restic names no snapshot: ${last}`);
    return { reference: `${id}:/tree` };
  }

  restore({ reference }: PeerSnapshot, target: string, path?: string): ProgramCall {
    const from = path === undefined ? reference : `${reference}/${path}`;
    return this.call('restore', from, `--target=${target}`);
  }

  verify(): ProgramCall {
    return this.call('check', '--read-data');
  }

  list(): ProgramCall {
    return this.call('snapshots', '--json');
  }
}
