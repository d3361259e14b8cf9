import type { StorageOperation } from './decorate-storage.ts';

/** The classes that providers bill requests by. */
export const REQUEST_CLASSES = ['list', 'get', 'put', 'delete', 'head'] as const;
export type RequestClass = (typeof REQUEST_CLASSES)[number];

/** Requests of each class and bytes of blobs in each direction. Failed attempts count as requests. */
export interface RequestCounts extends Readonly<Record<RequestClass, number>> {
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** A request that a storage has sent, whatever came of it. */
export interface StorageRequest {
  readonly operation: StorageOperation;
  /** Of the blob, in the direction of the operation; 0 for a failed one. */
  readonly bytes: number;
}

const CLASS_OF: Readonly<Record<StorageOperation, RequestClass>> = {
  list: 'list',
  get: 'get',
  put: 'put',
  delete: 'delete',
  metadata: 'head',
  extendRetention: 'put',
};

/** Adds up what a storage costs. */
export class RequestMeter {
  readonly #requests: Record<RequestClass, number> = {
    list: 0,
    get: 0,
    put: 0,
    delete: 0,
    head: 0,
  };
  #bytesUp = 0;
  #bytesDown = 0;

  /** Never throws, so that a storage can call it anywhere. */
  readonly record = ({ operation, bytes }: StorageRequest): void => {
    const requestClass = CLASS_OF[operation];
    this.#requests[requestClass] += 1;
    if (requestClass === 'put') this.#bytesUp += bytes;
    else this.#bytesDown += bytes;
  };

  /** As of now. */
  get counts(): RequestCounts {
    return { ...this.#requests, bytesUp: this.#bytesUp, bytesDown: this.#bytesDown };
  }
}

export function totalRequests(counts: RequestCounts): number {
  return REQUEST_CLASSES.reduce((sum, name) => sum + counts[name], 0);
}
