import { sortedUnique } from './text-order.ts';

export interface PinChanges {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/** The pins after a change, sorted; undefined if they stay as they are and the snapshot needs no update. */
export function changePins(
  pins: readonly string[],
  { add = [], remove = [] }: PinChanges,
): readonly string[] | undefined {
  const removed = new Set(remove);
  const changed = sortedUnique([...pins, ...add].filter((pin) => !removed.has(pin)));
  const isSame = changed.length === pins.length && changed.every((pin, i) => pin === pins[i]);
  return isSame ? undefined : changed;
}
