import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramCall } from '../measure.ts';
import type { Subject } from '../result.ts';
import type { StorageTarget } from '../runners/engine-request.ts';
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

export interface KopiaGrammarProgram {
  readonly name: Subject;
  readonly version: string;
  readonly program: string;
  /** In front of each command. */
  readonly parameters: readonly string[];
  /** Behind each command. */
  readonly flags: readonly string[];
}

/** A program with Kopia's commands, flags and environment: Kopia itself, and the command longshore. */
export function kopiaGrammarPeer(program: KopiaGrammarProgram): Peer {
  async function start(verb: 'create' | 'connect', options: ClientOptions): Promise<PeerClient> {
    const client = new KopiaGrammarClient(program, options);
    mkdirSync(options.home, { recursive: true });
    if (verb === 'create' && options.storage.kind === 'filesystem') {
      mkdirSync(options.storage.path, { recursive: true });
    }
    await runUntimed(client.repository(verb, options));
    const { compression } = options.format;
    if (verb === 'create' && compression !== undefined) {
      await runUntimed(client.call('policy', 'set', '--global', `--compression=${compression}`));
    }
    return client;
  }
  return {
    name: program.name,
    version: program.version,
    refusal: () => undefined,
    create: (options) => start('create', options),
    connect: (options) => start('connect', options),
  };
}

class KopiaGrammarClient implements PeerClient {
  readonly #program: KopiaGrammarProgram;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #home: string;
  readonly #sourcePath: string;

  constructor(program: KopiaGrammarProgram, options: ClientOptions) {
    const { home } = options;
    this.#program = program;
    this.#home = home;
    this.#sourcePath = options.sourcePath ?? BENCH_SOURCE.path;
    // Kopia caches the format blob beside its contents: clients of two repositories must share nothing.
    this.#environment = {
      ...plainEnvironment(home),
      KOPIA_PASSWORD: BENCH_PASSWORD,
      KOPIA_CONFIG_PATH: join(home, 'repository.config'),
      KOPIA_CACHE_DIRECTORY: join(home, 'cache'),
      KOPIA_LOG_DIR: join(home, 'logs'),
      KOPIA_CHECK_FOR_UPDATES: 'false',
    };
  }

  call(...parameters: readonly string[]): ProgramCall {
    return {
      program: this.#program.program,
      parameters: [...this.#program.parameters, ...parameters, ...this.#program.flags],
      cwd: this.#home,
      environment: this.#environment,
    };
  }

  repository(verb: 'create' | 'connect', { storage, format }: ClientOptions): ProgramCall {
    const { hash, encryption, splitter } = format;
    const chosen = [
      ...(hash === undefined ? [] : [`--block-hash=${hash}`]),
      ...(encryption === undefined ? [] : [`--encryption=${encryption}`]),
      ...(splitter === undefined ? [] : [`--object-splitter=${splitter}`]),
    ];
    return this.call(
      'repository',
      verb,
      ...storageFlags(storage),
      `--override-username=${BENCH_SOURCE.userName}`,
      `--override-hostname=${BENCH_SOURCE.host}`,
      ...(verb === 'create' ? chosen : []),
    );
  }

  snapshot(tree: string): ProgramCall {
    const { userName, host } = BENCH_SOURCE;
    return this.call(
      'snapshot',
      'create',
      tree,
      `--override-source=${userName}@${host}:${this.#sourcePath}`,
      '--json',
    );
  }

  parseSnapshot(stdout: string): PeerSnapshot {
    const line = stdout.slice(stdout.indexOf('{'));
    const { rootEntry } = JSON.parse(line) as { readonly rootEntry: { readonly obj: string } };
    return { reference: rootEntry.obj, rootObjectID: rootEntry.obj };
  }

  restore({ reference }: PeerSnapshot, target: string, path?: string): ProgramCall {
    return this.call('restore', path === undefined ? reference : `${reference}/${path}`, target);
  }

  verify(): ProgramCall {
    return this.call('snapshot', 'verify', '--verify-files-percent=100');
  }

  list(): ProgramCall {
    return this.call('snapshot', 'list', '--all', '--json');
  }
}

function storageFlags(storage: StorageTarget): readonly string[] {
  if (storage.kind === 'filesystem') return ['filesystem', `--path=${storage.path}`];
  const { accessKeyID, secretAccessKey } = storage;
  return [
    's3',
    `--bucket=${storage.bucket}`,
    `--prefix=${storage.prefix}`,
    `--endpoint=${storage.endpoint}`,
    `--region=${storage.region}`,
    ...(storage.disableTLS ? ['--disable-tls'] : []),
    ...(accessKeyID === undefined ? [] : [`--access-key=${accessKeyID}`]),
    ...(secretAccessKey === undefined ? [] : [`--secret-access-key=${secretAccessKey}`]),
  ];
}
