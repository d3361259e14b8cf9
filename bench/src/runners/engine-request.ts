/** Where a repository lies. */
export type StorageTarget =
  | { readonly kind: 'filesystem'; readonly path: string }
  | {
      readonly kind: 's3';
      /** `host:port`. */
      readonly endpoint: string;
      readonly disableTLS: boolean;
      readonly region: string;
      readonly bucket: string;
      readonly prefix: string;
      readonly accessKeyID?: string;
      readonly secretAccessKey?: string;
    };

/** What a repository is made with; each default is that of Kopia. */
export interface FormatChoice {
  readonly hash?: string;
  readonly encryption?: string;
  readonly splitter?: string;
  /** Of files, set in the global policy. */
  readonly compression?: string;
}

export interface SourceChoice {
  readonly host: string;
  readonly userName: string;
  readonly path: string;
}

/** One task for the engine in a process of its own. */
export type EngineTask =
  | { readonly kind: 'create'; readonly format: FormatChoice }
  | { readonly kind: 'snapshot'; readonly tree: string; readonly source: SourceChoice }
  | {
      readonly kind: 'restore';
      readonly rootObjectID: string;
      /** Below the root; empty: all. */
      readonly path: string;
      readonly target: string;
    }
  | { readonly kind: 'verify' }
  | { readonly kind: 'list' }
  /** Opens, finds contents drawn from the seed, and tells what stays in memory. */
  | { readonly kind: 'open'; readonly lookups: number };

export interface EngineRequest {
  readonly storage: StorageTarget;
  readonly password: string;
  /** Of what the engine keeps near; absent: it keeps nothing. */
  readonly cacheFolder?: string;
  /** Default: one for each processor. */
  readonly workers?: number;
  /** One worker and as few buffers as the engine runs with. */
  readonly lowMemory?: boolean;
  readonly task: EngineTask;
}

/** Printed as one line of JSON. */
export interface EngineAnswer {
  readonly rootObjectID?: string;
  readonly files?: number;
  readonly bytes?: number;
  readonly snapshots?: number;
  readonly errors?: number;
  readonly contents?: number;
  /** Bytes resident after opening and a collection, without what the process held before. */
  readonly residentBytes?: number;
  readonly openSeconds?: number;
  readonly lookupSeconds?: number;
}
