import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSystemClock, field, type EpochNanoseconds, type FormatCache } from '@longshore/repo';
import type { S3ConfigCache } from '@longshore/repo/node';
import { writePrivateFile } from '../config/config-file.ts';
import type { ConnectionConfig } from '../config/connection-config.ts';
import { withoutSecrets } from './storage-settings.ts';

/** In the cache folder of a connection. */
export const RECENT_BLOBS_FILE: string = join('longshore', 'recent.json');

/** Nanoseconds. What every client may rely on; the format checks it once more. */
const MAX_AGE = 15n * 60_000_000_000n;

/** A file of these few blobs is some kilobytes; a longer one is none of ours. */
const MAX_FILE_LENGTH = 1024 * 1024;

interface RecentBlob {
  readonly readAt: EpochNanoseconds;
  /** Undefined: there was no such blob. */
  readonly bytes: Uint8Array | undefined;
}

type RecentName = 'kopia.repository' | 'kopia.blobcfg' | '.storageconfig';

/**
 * The few blobs that each run needs and that hardly ever change, for 15 minutes. They lie there as they lie in the
 * storage: sealed, or no secret.
 */
export class RecentBlobs {
  readonly #path: string;
  /** A connection may come to mean another place. */
  readonly #place: string;
  readonly #blobs: Map<RecentName, RecentBlob>;
  /** Nanoseconds; not positive: the format is not remembered. */
  readonly #formatMaxAge: bigint;

  private constructor(
    path: string,
    place: string,
    blobs: Map<RecentName, RecentBlob>,
    formatMaxAge: bigint,
  ) {
    this.#path = path;
    this.#place = place;
    this.#blobs = blobs;
    this.#formatMaxAge = formatMaxAge;
  }

  /** None for a storage that is as near as the file would be. */
  static open({ storage, caching, client }: ConnectionConfig): RecentBlobs | undefined {
    const folder = caching?.cacheDirectory;
    if (storage.type === 'filesystem' || folder === undefined) return undefined;
    const path = join(folder, RECENT_BLOBS_FILE);
    const place = JSON.stringify([storage.type, withoutSecrets(storage.config)]);
    return new RecentBlobs(path, place, readBlobs(path, place), client.formatBlobCacheDuration);
  }

  /** Undefined if the connection says that the format is not to be remembered. */
  get formatCache(): FormatCache | undefined {
    const maxAge = this.#formatMaxAge < MAX_AGE ? this.#formatMaxAge : MAX_AGE;
    if (maxAge <= 0n) return undefined;
    return {
      load: async () => {
        const format = this.#recent('kopia.repository', maxAge);
        const configuration = this.#recent('kopia.blobcfg', maxAge);
        if (format?.bytes === undefined || configuration === undefined) return undefined;
        return {
          formatBlob: format.bytes,
          blobConfiguration: configuration.bytes,
          readAt: format.readAt < configuration.readAt ? format.readAt : configuration.readAt,
        };
      },
      store: async ({ formatBlob, blobConfiguration, readAt }) => {
        this.#blobs.set('kopia.repository', { bytes: formatBlob, readAt });
        this.#blobs.set('kopia.blobcfg', { bytes: blobConfiguration, readAt });
        this.#save();
      },
    };
  }

  get s3ConfigCache(): S3ConfigCache {
    return {
      load: async () => this.#recent('.storageconfig', MAX_AGE),
      store: async (bytes) => {
        this.#blobs.set('.storageconfig', { bytes, readAt: createSystemClock()() });
        this.#save();
      },
    };
  }

  #recent(name: RecentName, maxAge: bigint): RecentBlob | undefined {
    const blob = this.#blobs.get(name);
    if (blob === undefined) return undefined;
    const age = createSystemClock()() - blob.readAt;
    return age >= 0n && age < maxAge ? blob : undefined;
  }

  #save(): void {
    const blobs = Object.fromEntries(
      Array.from(this.#blobs, ([name, { bytes, readAt }]) => [
        name,
        {
          readAt: readAt.toString(),
          bytes: bytes === undefined ? null : Buffer.from(bytes).toString('base64'),
        },
      ]),
    );
    try {
      writePrivateFile(this.#path, JSON.stringify({ place: this.#place, blobs }));
    } catch {
      // The next run asks the storage.
    }
  }
}

/** Nothing where the file is missing, damaged or about another place. */
function readBlobs(path: string, place: string): Map<RecentName, RecentBlob> {
  const blobs = new Map<RecentName, RecentBlob>();
  try {
    const text = readFileSync(path, 'utf8');
    const json: unknown = text.length > MAX_FILE_LENGTH ? undefined : JSON.parse(text);
    if (field(json, 'place') !== place) return blobs;
    for (const name of ['kopia.repository', 'kopia.blobcfg', '.storageconfig'] as const) {
      const stored = field(field(json, 'blobs'), name);
      const readAt = field(stored, 'readAt');
      const bytes = field(stored, 'bytes');
      if (typeof readAt !== 'string' || !/^\d{1,20}$/.test(readAt)) continue;
      if (typeof bytes !== 'string' && bytes !== null) continue;
      blobs.set(name, {
        readAt: BigInt(readAt),
        bytes: bytes === null ? undefined : new Uint8Array(Buffer.from(bytes, 'base64')),
      });
    }
  } catch {
    // The storage has them.
  }
  return blobs;
}
