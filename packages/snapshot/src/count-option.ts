import { LongshoreError } from '@longshore/repo';

/** An option that counts something of which there must be at least one; else INVALID_ARGUMENT naming it. */
export function positiveCount(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new LongshoreError('INVALID_ARGUMENT', `${name} is ${value}, not a count of at least 1`);
}
