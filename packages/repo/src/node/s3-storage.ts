import type {
  GetObjectCommandOutput,
  ListObjectsV2CommandOutput,
  ListObjectVersionsCommandOutput,
  S3Client,
  StorageClass,
} from '@aws-sdk/client-s3';

import {
  blobExistsError,
  blobNotFoundError,
  checkBlobLength,
  checkByteRange,
  MAX_BLOB_LENGTH,
  rangePastEndError,
} from '../blob/byte-range.ts';
import type { StorageOperation } from '../blob/decorate-storage.ts';
import { createReadOnlyStorage } from '../blob/read-only.ts';
import type { StorageRequest } from '../blob/request-meter.ts';
import { parseBlobID } from '../blob/storage.ts';
import type {
  AbortOptions,
  BlobID,
  BlobMetadata,
  BlobRetention,
  BlobStorage,
  ByteRange,
  GetBlobOptions,
  PutBlobOptions,
} from '../blob/storage.ts';
import { bytesLength, bytesParts } from '../bytes.ts';
import type { Bytes } from '../bytes.ts';
import { createSystemClock, formatGoTime, NANOSECONDS_PER_MILLISECOND } from '../clock.ts';
import type { Clock, EpochNanoseconds } from '../clock.ts';
import { CorruptDataError, hasCode, invariant, LongshoreError } from '../errors.ts';
import { roomFor } from './room.ts';
import { contentMD5, uploadBody } from './s3-body.ts';
import { checkS3Credentials, loadS3 } from './s3-client.ts';
import type { LoadedS3, S3ClientOptions } from './s3-client.ts';
import { parseS3Endpoint } from './s3-endpoint.ts';
import type { S3Endpoint, S3EndpointOptions } from './s3-endpoint.ts';
import { regionFromS3Error, s3Error, s3ErrorCode } from './s3-errors.ts';
import type { S3Operation } from './s3-errors.ts';
import type { ReceivingOptions } from './s3-request-handler.ts';
import {
  MAX_STORAGE_CONFIG_LENGTH,
  parseS3StorageConfig,
  STORAGE_CONFIG_NAME,
  storageClassOf,
} from './s3-storage-config.ts';
import type { S3StorageConfig } from './s3-storage-config.ts';
import { VersionsAt } from './s3-versions.ts';
import type { ObjectVersion, PresentVersion } from './s3-versions.ts';

export interface S3StorageOptions extends S3ClientOptions, S3EndpointOptions {
  readonly bucket: string;
  /** Put before every blob ID as it is: one that means a folder ends in `/`. */
  readonly prefix?: string;
  /**
   * The service keeps `If-None-Match: *` on puts, which `ifAbsent` needs. AWS and MinIO do; a service that
   * ignored the header would replace the blob, so this is off unless said.
   */
  readonly conditionalPuts?: boolean;
  /**
   * Show a versioned bucket as it was then, for reading only, whatever was deleted or replaced since. UNSUPPORTED at the
   * first call if the bucket keeps no versions.
   */
  readonly pointInTime?: EpochNanoseconds;
  /** Lock periods start at its time. */
  readonly clock?: Clock;
  /** Called synchronously for every request that was sent, when it has ended; must not throw. */
  readonly onRequest?: (request: StorageRequest) => void;
  readonly configCache?: S3ConfigCache;
}

/** Keeps `.storageconfig` near for some minutes, so that not every run asks for it. It never fails its caller. */
export interface S3ConfigCache {
  /** Undefined if nothing is known; `bytes` undefined if there was no such object. */
  load(): Promise<{ readonly bytes: Uint8Array | undefined } | undefined>;
  store(bytes: Uint8Array | undefined): Promise<void>;
}

/** Kopia gives every object this type and never looks at it. */
const CONTENT_TYPE = 'application/x-kopia';
/** The most that S3 takes in one PutObject, in bytes. */
const MAX_PUT_LENGTH = 5 * 1024 ** 3;

/**
 * Blobs as objects of a bucket on AWS, MinIO, Backblaze B2 or another S3 service. Nothing is sent before the
 * first call. One request per attempt: compose it with `createRetryingStorage`.
 */
export function createS3Storage(options: S3StorageOptions): BlobStorage {
  if (options.bucket === '') {
    throw new LongshoreError('INVALID_ARGUMENT', 'the name of the bucket is empty', {
      field: 'bucket',
    });
  }
  checkS3Credentials(options);
  const storage = new S3Storage(parseS3Endpoint(options), options);
  return options.pointInTime === undefined ? storage : createReadOnlyStorage(storage);
}

/** A bucket has one. What names ever more of them is no bucket. */
const MAX_REGIONS = 4;

/** The SDK's methods are told apart by command; here each call names the one it needs. */
type Send<T> = (
  loaded: LoadedS3 & { readonly client: S3Client },
  signal: { readonly abortSignal?: AbortSignal },
) => Promise<T>;

class S3Storage implements BlobStorage {
  readonly displayName: string;
  readonly capabilities: BlobStorage['capabilities'];
  readonly #endpoint: S3Endpoint;
  readonly #options: S3StorageOptions;
  readonly #prefix: string;
  readonly #clock: Clock;
  #region: string;
  #loaded: Promise<LoadedS3> | undefined;
  /** By region: requests that were sent to the wrong one end beside those to the right one. */
  readonly #clients: Map<string, S3Client> = new Map();
  #config: S3StorageConfig | undefined;
  /** Milliseconds since 1970; undefined: now. */
  readonly #moment: number | undefined;
  #keepsVersions = false;

  constructor(endpoint: S3Endpoint, options: S3StorageOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#prefix = options.prefix ?? '';
    this.#clock = options.clock ?? createSystemClock();
    this.#region = endpoint.region;
    this.capabilities = { objectLock: true, putIfAbsent: options.conditionalPuts ?? false };
    const place = this.#prefix === '' ? options.bucket : `${options.bucket}/${this.#prefix}`;
    const { pointInTime } = options;
    this.#moment =
      pointInTime === undefined ? undefined : Number(pointInTime / NANOSECONDS_PER_MILLISECOND);
    const moment = pointInTime === undefined ? '' : ` at ${formatGoTime(pointInTime)}`;
    this.displayName = `S3: ${endpoint.host} ${place}${moment}`;
  }

  async getBlob(id: BlobID, options: GetBlobOptions = {}): Promise<Uint8Array> {
    const { range, signal, into } = options;
    signal?.throwIfAborted();
    if (range) checkByteRange(id, range);
    // HTTP has no empty range.
    if (range?.length === 0) return this.#getNothing(id, range, signal);
    const get = { range, signal, into, maxLength: MAX_BLOB_LENGTH };
    if (this.#moment === undefined) return this.#get(id, get);
    await this.#requireVersions(signal);
    const current = await this.#get(id, get, { olderThan: this.#moment }).catch(ifOtherNow);
    if (current !== undefined) return current;
    const { versionID } = await this.#versionOf(id, this.#moment, signal);
    return this.#get(id, get, { versionID });
  }

  async getMetadata(id: BlobID, { signal }: AbortOptions = {}): Promise<BlobMetadata> {
    signal?.throwIfAborted();
    if (this.#moment !== undefined) {
      await this.#requireVersions(signal);
      return metadataOfVersion(id, await this.#versionOf(id, this.#moment, signal));
    }
    const call = { action: `look up blob ${id}`, blobID: id, operation: 'metadata' } as const;
    return this.#call(call, signal, async (s3, abort) => {
      const answer = await s3.client.send(
        new s3.sdk.HeadObjectCommand({ Bucket: this.#options.bucket, Key: this.#prefix + id }),
        abort,
      );
      return metadataFrom(id, answer.ContentLength, answer.LastModified);
    });
  }

  async *listBlobs(
    prefix: string,
    { signal }: AbortOptions = {},
  ): AsyncGenerator<BlobMetadata, void, void> {
    signal?.throwIfAborted();
    if (this.#moment !== undefined) {
      await this.#requireVersions(signal);
      for await (const version of this.#versionsAt(this.#moment, prefix, signal)) {
        signal?.throwIfAborted();
        const id = this.#idOfKey(version.key, false);
        if (id?.startsWith(prefix)) yield metadataOfVersion(id, version);
      }
      return;
    }
    for (let token: string | undefined, page = 0; page === 0 || token !== undefined; page++) {
      const answer: ListObjectsV2CommandOutput = await this.#listPage(prefix, token, signal);
      for (const object of answer.Contents ?? []) {
        signal?.throwIfAborted();
        const id = this.#idOfKey(object.Key, answer.EncodingType === 'url');
        if (id?.startsWith(prefix)) yield metadataFrom(id, object.Size, object.LastModified);
      }
      const next = answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
      if (answer.IsTruncated === true && (next === undefined || next === token)) {
        throw this.#noNextPage();
      }
      token = next;
    }
  }

  async putBlob(id: BlobID, data: Bytes, options: PutBlobOptions = {}): Promise<void> {
    const { signal, ifAbsent = false, retention } = options;
    signal?.throwIfAborted();
    const lock = retention && this.#lockUntil(id, retention);
    if (ifAbsent && !this.capabilities.putIfAbsent) {
      throw new LongshoreError(
        'UNSUPPORTED',
        `blob ${id}: this storage cannot put only if absent (conditionalPuts is off)`,
        { blobID: id },
      );
    }
    if (options.timestamp !== undefined) {
      throw new LongshoreError('UNSUPPORTED', `blob ${id}: S3 sets the times of blobs itself`, {
        blobID: id,
      });
    }
    refuseConfig(id, 'write');
    const parts = bytesParts(data);
    const length = bytesLength(data);
    if (length > MAX_PUT_LENGTH) {
      throw new LongshoreError('INVALID_ARGUMENT', `blob ${id}: ${length} bytes are too many`, {
        blobID: id,
      });
    }
    const storageClass = storageClassOf(await this.#storageConfig(signal), id);
    const fields = {
      Bucket: this.#options.bucket,
      Key: this.#prefix + id,
      ContentLength: length,
      ContentMD5: await contentMD5(parts, signal),
      ContentType: CONTENT_TYPE,
      StorageClass: storageClass as StorageClass | undefined,
      ObjectLockMode: lock?.Mode,
      ObjectLockRetainUntilDate: lock?.RetainUntilDate,
      IfNoneMatch: ifAbsent ? '*' : undefined,
    };
    const call = {
      action: `write blob ${id}`,
      blobID: id,
      operation: 'put',
      bytes: length,
    } as const;
    await this.#call(call, signal, async (s3, abort) => {
      const body = uploadBody(parts);
      const early = new AbortController();
      try {
        const abortSignal = AbortSignal.any([early.signal, ...(signal ? [signal] : [])]);
        await s3.client.send(new s3.sdk.PutObjectCommand({ ...fields, Body: body }), {
          ...abort,
          abortSignal,
        });
      } catch (error) {
        if (hasCode(s3Error(error, this.#operation(id)), 'ALREADY_EXISTS')) {
          throw blobExistsError(id);
        }
        throw error;
      } finally {
        // An answer that came before the whole body went out, or none: nothing may read `data` from here on.
        if (!body.readableEnded) early.abort();
        body.destroy();
      }
    });
  }

  async deleteBlob(id: BlobID, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    refuseConfig(id, 'delete');
    try {
      const call = { action: `delete blob ${id}`, blobID: id, operation: 'delete' } as const;
      await this.#call(call, signal, (s3, abort) =>
        // Never the batch form: it demands checksums that not every service knows.
        s3.client.send(
          new s3.sdk.DeleteObjectCommand({ Bucket: this.#options.bucket, Key: this.#prefix + id }),
          abort,
        ),
      );
    } catch (error) {
      if (!hasCode(error, 'BLOB_NOT_FOUND')) throw error;
    }
  }

  async extendRetention(
    id: BlobID,
    retention: BlobRetention,
    { signal }: AbortOptions = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    const lock = this.#lockUntil(id, retention);
    const action = `extend the lock of blob ${id}`;
    const call = { action, blobID: id, operation: 'extendRetention' } as const;
    try {
      await this.#call(call, signal, (s3, abort) =>
        s3.client.send(
          new s3.sdk.PutObjectRetentionCommand({
            Bucket: this.#options.bucket,
            Key: this.#prefix + id,
            Retention: lock,
          }),
          abort,
        ),
      );
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND') || signal?.aborted === true) throw error;
      if (!(await this.#isLockedUntil(id, lock, signal))) throw error;
    }
  }

  /** S3 refuses to shorten a lock, as that of a blob which a client with a faster clock has just put. */
  async #isLockedUntil(
    id: BlobID,
    lock: ObjectLock,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const call = { action: `look up blob ${id}`, blobID: id, operation: 'metadata' } as const;
    try {
      const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until } = await this.#call(
        call,
        signal,
        (s3, abort) =>
          s3.client.send(
            new s3.sdk.HeadObjectCommand({ Bucket: this.#options.bucket, Key: this.#prefix + id }),
            abort,
          ),
      );
      const isStrict = mode === lock.Mode || mode === 'COMPLIANCE';
      return isStrict && until !== undefined && until >= lock.RetainUntilDate;
    } catch {
      signal?.throwIfAborted();
      return false;
    }
  }

  /** Closes the connections; requests in flight fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.values()) client.destroy();
  }

  /** One attempt; a second one only to follow the bucket into its region. */
  async #call<T>(
    what: Pick<S3Operation, 'action' | 'blobID'> & {
      readonly operation: StorageOperation;
      /** Of what is sent; bytes that come are those of the result. */
      readonly bytes?: number;
    },
    signal: AbortSignal | undefined,
    send: Send<T>,
  ): Promise<T> {
    const abort = signal ? { abortSignal: signal } : {};
    const attempt = async (region: string): Promise<T> => {
      this.#loaded ??= loadS3(this.#endpoint, this.#options);
      const loaded = await this.#loaded;
      const client = this.#clients.get(region) ?? loaded.clientFor(region);
      this.#clients.set(region, client);
      signal?.throwIfAborted();
      let bytes = 0;
      try {
        const result = await send({ ...loaded, client }, abort);
        bytes = what.bytes ?? (result instanceof Uint8Array ? result.length : 0);
        return result;
      } finally {
        this.#options.onRequest?.({ operation: what.operation, bytes });
      }
    };
    try {
      const asked = this.#region;
      try {
        return await attempt(asked);
      } catch (error) {
        const region = regionFromS3Error(error);
        if (region === undefined || region === asked) throw error;
        if (!this.#clients.has(region) && this.#clients.size >= MAX_REGIONS) throw error;
        this.#region = region;
        return await attempt(region);
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Error(error, { ...this.#operation(what.blobID), action: what.action });
    }
  }

  #operation(blobID?: string): S3Operation {
    const { bucket } = this.#options;
    const facts = blobID === undefined ? {} : { blobID };
    return { action: 'use the bucket', bucket, host: this.#endpoint.host, ...facts };
  }

  #listPage(
    prefix: string,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ListObjectsV2CommandOutput> {
    return this.#call({ action: 'list blobs', operation: 'list' }, signal, (s3, abort) =>
      s3.client.send(
        new s3.sdk.ListObjectsV2Command({
          Bucket: this.#options.bucket,
          Prefix: this.#prefix + prefix,
          // Objects below further slashes belong to somebody else.
          Delimiter: '/',
          EncodingType: 'url',
          ContinuationToken: token,
        }),
        abort,
      ),
    );
  }

  #noNextPage(): LongshoreError {
    return new LongshoreError(
      'STORAGE_FAILED',
      `${this.displayName}: a listing that should go on names no next page`,
      { retryable: true },
    );
  }

  /** Asked once: in a bucket without versions the past looks like the present with holes. */
  async #requireVersions(signal: AbortSignal | undefined): Promise<void> {
    if (this.#keepsVersions) return;
    const { bucket } = this.#options;
    const call = { action: 'see whether the bucket keeps versions', operation: 'list' } as const;
    const { Status: status } = await this.#call(call, signal, (s3, abort) =>
      s3.client.send(new s3.sdk.GetBucketVersioningCommand({ Bucket: bucket }), abort),
    );
    this.#keepsVersions = status === 'Enabled';
    if (this.#keepsVersions) return;
    throw new LongshoreError(
      'UNSUPPORTED',
      `bucket ${bucket} keeps no versions of its objects, so that nobody knows what it held at another time`,
    );
  }

  /** BLOB_NOT_FOUND if there was none at the moment. */
  async #versionOf(
    id: BlobID,
    moment: number,
    signal: AbortSignal | undefined,
  ): Promise<PresentVersion> {
    for await (const version of this.#versionsAt(moment, id, signal)) {
      if (version.key === this.#prefix + id) return version;
      // Of all keys that begin so, the one that ends there comes first.
      break;
    }
    throw blobNotFoundError(id);
  }

  async *#versionsAt(
    moment: number,
    prefix: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<PresentVersion, void, void> {
    const versions = new VersionsAt(moment);
    let next: Pick<ListObjectVersionsCommandOutput, 'NextKeyMarker' | 'NextVersionIdMarker'> = {};
    for (;;) {
      const answer = await this.#listVersionsPage(prefix, next, signal);
      const isEncoded = answer.EncodingType === 'url';
      for (const { Size: length, ...version } of answer.Versions ?? []) {
        if (length !== undefined) versions.add(objectVersion({ ...version, length }, isEncoded));
      }
      for (const mark of answer.DeleteMarkers ?? []) versions.add(objectVersion(mark, isEncoded));
      const { IsTruncated: goesOn, NextKeyMarker: key, NextVersionIdMarker: version } = answer;
      if (goesOn !== true) {
        yield* versions.take(undefined);
        return;
      }
      if (
        key === undefined ||
        (key === next.NextKeyMarker && version === next.NextVersionIdMarker)
      ) {
        throw this.#noNextPage();
      }
      const plainKey = isEncoded ? decodeKey(key) : key;
      yield* versions.take(plainKey);
      next = { NextKeyMarker: plainKey, NextVersionIdMarker: version };
    }
  }

  #listVersionsPage(
    prefix: string,
    from: Pick<ListObjectVersionsCommandOutput, 'NextKeyMarker' | 'NextVersionIdMarker'>,
    signal: AbortSignal | undefined,
  ): Promise<ListObjectVersionsCommandOutput> {
    const call = { action: 'list versions of blobs', operation: 'list' } as const;
    return this.#call(call, signal, (s3, abort) =>
      s3.client.send(
        new s3.sdk.ListObjectVersionsCommand({
          Bucket: this.#options.bucket,
          Prefix: this.#prefix + prefix,
          Delimiter: '/',
          EncodingType: 'url',
          KeyMarker: from.NextKeyMarker,
          VersionIdMarker: from.NextVersionIdMarker,
        }),
        abort,
      ),
    );
  }

  /** Undefined for objects that are no blobs. */
  #idOfKey(key: string | undefined, isEncoded: boolean): BlobID | undefined {
    if (key === undefined) return undefined;
    try {
      const plain = isEncoded ? decodeKey(key) : key;
      if (!plain.startsWith(this.#prefix)) return undefined;
      const name = plain.slice(this.#prefix.length);
      return name === STORAGE_CONFIG_NAME ? undefined : parseBlobID(name);
    } catch {
      return undefined;
    }
  }

  #get(
    id: BlobID,
    options: GetOptions,
    which?: { readonly versionID: string },
  ): Promise<Uint8Array>;
  /** Undefined if the object may be newer than that. */
  #get(
    id: BlobID,
    options: GetOptions,
    which: { readonly olderThan: number },
  ): Promise<Uint8Array | undefined>;
  #get(
    id: BlobID,
    options: GetOptions,
    which: { readonly versionID?: string; readonly olderThan?: number } = {},
  ): Promise<Uint8Array | undefined> {
    const { range, signal, into, maxLength } = options;
    const call = { action: `read blob ${id}`, blobID: id, operation: 'get' } as const;
    return this.#call(call, signal, async (s3, abort) => {
      const last = range && range.offset + range.length - 1;
      let bytes: Uint8Array | undefined;
      const receiving: ReceivingOptions & typeof abort = {
        ...abort,
        // What is longer than it should be is refused below, by what the head says.
        roomFor: (_head, length) => {
          if (length <= (range?.length ?? maxLength)) bytes = roomFor(length, into);
          return bytes;
        },
      };
      const answer = await s3.client
        .send(
          new s3.sdk.GetObjectCommand({
            Bucket: this.#options.bucket,
            Key: this.#prefix + id,
            Range: range && `bytes=${range.offset}-${last}`,
            VersionId: which.versionID,
          }),
          receiving,
        )
        .catch((error: unknown) => {
          if (range && s3ErrorCode(error) === 'InvalidRange') throw rangePastEndError(id, range);
          throw error;
        });
      if (which.olderThan !== undefined && !isSurelyBefore(answer, which.olderThan)) {
        return undefined;
      }
      const length = answer.ContentLength ?? -1;
      checkBlobLength(id, length, maxLength);
      if (range) checkAnsweredRange(id, range, length, answer.ContentRange);
      invariant(bytes?.length === length, 'a body of a length that is allowed is read');
      return bytes;
    });
  }

  async #getNothing(
    id: BlobID,
    range: ByteRange,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const { length } = await this.getMetadata(id, signal ? { signal } : {});
    if (range.offset > length) throw rangePastEndError(id, range, length);
    return new Uint8Array(0);
  }

  /** Read once, before the first put. */
  async #storageConfig(signal: AbortSignal | undefined): Promise<S3StorageConfig> {
    this.#config ??= await this.#readStorageConfig(signal);
    return this.#config;
  }

  async #readStorageConfig(signal: AbortSignal | undefined): Promise<S3StorageConfig> {
    const { configCache } = this.#options;
    const known = await configCache?.load();
    const bytes = known === undefined ? await this.#getStorageConfig(signal) : known.bytes;
    const config: S3StorageConfig =
      bytes === undefined ? { blobOptions: [] } : parseS3StorageConfig(bytes);
    if (known === undefined) await configCache?.store(bytes);
    return config;
  }

  async #getStorageConfig(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const id = parseBlobID(STORAGE_CONFIG_NAME);
    try {
      return await this.#get(id, { signal, maxLength: MAX_STORAGE_CONFIG_LENGTH });
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  #lockUntil(id: BlobID, retention: BlobRetention): ObjectLock {
    const { mode, periodNanoseconds } = retention;
    if (mode === 'Locked') {
      throw new LongshoreError('UNSUPPORTED', `blob ${id}: S3 has no lock mode ${mode}`, {
        blobID: id,
      });
    }
    const until = (this.#clock() + periodNanoseconds) / NANOSECONDS_PER_MILLISECOND;
    return { Mode: mode, RetainUntilDate: new Date(Number(until)) };
  }
}

interface GetOptions {
  readonly range?: ByteRange | undefined;
  readonly signal: AbortSignal | undefined;
  readonly into?: Uint8Array | undefined;
  readonly maxLength: number;
}

/** A header tells whole seconds, cut off: within the same one nothing is known. */
function isSurelyBefore({ LastModified: time }: GetObjectCommandOutput, moment: number): boolean {
  return time !== undefined && time.getTime() < moment - (moment % 1000);
}

/** What is gone now may have been there, and what ends before a range may have been longer. */
function ifOtherNow(error: unknown): undefined {
  if (!hasCode(error, 'BLOB_NOT_FOUND') && !hasCode(error, 'CORRUPT_DATA')) throw error;
}

function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}

/** With a length it is a version, without one the mark of a deletion. */
function objectVersion(
  entry: {
    readonly Key?: string | undefined;
    readonly VersionId?: string | undefined;
    readonly LastModified?: Date | undefined;
    readonly IsLatest?: boolean | undefined;
    readonly length?: number;
  },
  isEncoded: boolean,
): ObjectVersion {
  const { Key: key = '', VersionId: versionID = '', LastModified: modified, length } = entry;
  const time = modified?.getTime() ?? Number.NaN;
  if (Number.isNaN(time)) {
    throw new CorruptDataError(`a version of ${key}: the storage gives no time`);
  }
  return {
    key: isEncoded ? decodeKey(key) : key,
    versionID,
    time,
    length,
    isLatest: entry.IsLatest === true,
  };
}

function metadataOfVersion(id: BlobID, { length, time }: PresentVersion): BlobMetadata {
  return { id, length, timestamp: BigInt(time) * NANOSECONDS_PER_MILLISECOND };
}

interface ObjectLock {
  readonly Mode: 'GOVERNANCE' | 'COMPLIANCE';
  readonly RetainUntilDate: Date;
}

function metadataFrom(
  id: BlobID,
  length: number | undefined,
  lastModified: Date | undefined,
): BlobMetadata {
  const milliseconds = lastModified?.getTime() ?? Number.NaN;
  if (length === undefined || Number.isNaN(milliseconds)) {
    throw new CorruptDataError(`blob ${id}: the storage gives no length or no time`, {
      blobID: id,
    });
  }
  const timestamp: EpochNanoseconds = BigInt(milliseconds) * NANOSECONDS_PER_MILLISECOND;
  return { id, length, timestamp };
}

/** Services cut a range at the end of the object, and some ignore it: neither is what was asked for. */
function checkAnsweredRange(
  id: BlobID,
  range: ByteRange,
  length: number,
  contentRange: string | undefined,
): void {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(contentRange ?? '');
  if (!match || Number(match[1]) !== range.offset) {
    throw new LongshoreError(
      'STORAGE_FAILED',
      `blob ${id}: asked for bytes ${range.offset}+${range.length}, got ${contentRange ?? 'all'}`,
      { blobID: id },
    );
  }
  if (length !== range.length) {
    throw rangePastEndError(id, range, match[2] === '*' ? undefined : Number(match[2]));
  }
}

function refuseConfig(id: BlobID, action: string): void {
  if (id !== STORAGE_CONFIG_NAME) return;
  throw new LongshoreError(
    'INVALID_ARGUMENT',
    `cannot ${action} blob ${id}: this name is reserved for the configuration of the storage`,
    { blobID: id },
  );
}
