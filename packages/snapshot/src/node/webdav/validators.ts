import { NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '@longshore/repo';
import type { MountedFile } from '../../mount/mounted-node.ts';

/** What tells one state of a file from another. */
export interface Validators {
  /** Strong: an object's bytes never change. */
  readonly etag: string;
  /** Whole seconds since the epoch. */
  readonly modifiedSeconds: number;
}

export function validatorsOf({ objectID, mtime }: MountedFile): Validators {
  return { etag: `"${objectID}"`, modifiedSeconds: wholeSeconds(mtime) };
}

/** Rounded down, before the epoch as well. */
export function wholeSeconds(time: EpochNanoseconds): number {
  const seconds = time / NANOSECONDS_PER_SECOND;
  return Number(seconds * NANOSECONDS_PER_SECOND > time ? seconds - 1n : seconds);
}

/** A time as HTTP writes it. */
export function httpDate(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toUTCString();
}

/** Seconds since the epoch; undefined for anything that is not a date as HTTP writes it. */
export function parseHttpDate(text: string): number | undefined {
  const milliseconds = /^\w{3},? .* GMT$|^\w{6,9}, .* GMT$|^\w{3} \w{3} .*\d{4}$/.test(text)
    ? Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
    : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000);
}
