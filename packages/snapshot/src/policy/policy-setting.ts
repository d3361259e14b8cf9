import { isObject, listField, textField, textListField, wrongType } from '../json-fields.ts';
import { sortedUnique } from '../text-order.ts';
import type { ActionCommand, TimeOfDay } from './policy.ts';

/** How the values of a setting from several policies become one, the most specific policy first. */
export type MergeRule =
  /** The first policy that sets it. */
  | 'first'
  /** Everything that policies list, until one of them says that no parent may add. */
  | 'union'
  /** Only a policy of exactly the source: never inherited. */
  | 'ownOnly'
  /** Speaks about the merge itself. */
  | 'never';

/** How one member of a stored policy is read, written and merged. */
export interface PolicySetting<T> {
  readonly merge: MergeRule;
  /** For `union`: the member of the same section that ends it. */
  readonly endedBy?: string;
  /** For `union`. */
  combine?(own: T, inherited: T): T;
  /** Another type than expected is CORRUPT_DATA naming `what` and `name`. */
  read(value: unknown, name: string, what: string): T;
  /** False for values that Kopia does not tell from an absent member. */
  isSet(value: T): boolean;
  /** The members in Kopia's order. */
  write(value: T): unknown;
}

function first<T>(
  read: PolicySetting<T>['read'],
  isSet: (value: T) => boolean = () => true,
  write: (value: T) => unknown = (value) => value,
): PolicySetting<T> {
  return { merge: 'first', read, isSet, write };
}

/** Integers beyond 2^53 are read as the nearest safe one: as limits they mean the same. */
function readInteger(value: unknown, name: string, what: string): number {
  if (typeof value === 'bigint') {
    return value > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
  }
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw wrongType(name, 'an integer', what);
  }
  return value;
}

function readBoolean(value: unknown, name: string, what: string): boolean {
  if (typeof value !== 'boolean') throw wrongType(name, 'a boolean', what);
  return value;
}

function readText(value: unknown, name: string, what: string): string {
  if (typeof value !== 'string') throw wrongType(name, 'a string', what);
  return value;
}

function readTexts(value: unknown, name: string, what: string): readonly string[] {
  return textListField({ [name]: value }, name, what);
}

function readTimesOfDay(value: unknown, name: string, what: string): readonly TimeOfDay[] {
  return listField({ [name]: value }, name, what).map((time) => {
    if (!isObject(time)) throw wrongType(name, 'a list of times', what);
    return {
      hour: readInteger(time['hour'] ?? 0, `${name}.hour`, what),
      min: readInteger(time['min'] ?? 0, `${name}.min`, what),
    };
  });
}

function readAction(value: unknown, name: string, what: string): ActionCommand {
  if (!isObject(value)) throw wrongType(name, 'an action', what);
  const path = textField(value, 'path', what);
  const args = textListField(value, 'args', what);
  const script = textField(value, 'script', what);
  const timeout = readInteger(value['timeout'] ?? 0, `${name}.timeout`, what);
  const mode = textField(value, 'mode', what);
  return {
    ...(path === '' ? {} : { path }),
    ...(args.length === 0 ? {} : { args }),
    ...(script === '' ? {} : { script }),
    ...(timeout === 0 ? {} : { timeout }),
    ...(mode === '' ? {} : { mode }),
  };
}

function writeAction(action: ActionCommand): unknown {
  return {
    path: action.path || undefined,
    args: action.args?.length ? action.args : undefined,
    script: action.script || undefined,
    timeout: action.timeout || undefined,
    mode: action.mode || undefined,
  };
}

const isNonEmpty = (list: readonly unknown[]): boolean => list.length > 0;

/** 0 is a value. */
export const optionalInteger: PolicySetting<number> = first(readInteger);
/** 0 is the same as not set. */
export const integer: PolicySetting<number> = first(readInteger, (value) => value !== 0);
/** False is a value. */
export const optionalBoolean: PolicySetting<boolean> = first(readBoolean);
/** False is the same as not set. */
export const flag: PolicySetting<boolean> = first(readBoolean, (value) => value);
export const text: PolicySetting<string> = first(readText, (value) => value !== '');
export const texts: PolicySetting<readonly string[]> = first(readTexts, isNonEmpty);
export const inheritedAction: PolicySetting<ActionCommand> = first(
  readAction,
  undefined,
  writeAction,
);
export const ownAction: PolicySetting<ActionCommand> = { ...inheritedAction, merge: 'ownOnly' };
export const inheritanceFlag: PolicySetting<boolean> = { ...flag, merge: 'never' };

export function textUnion(endedBy: string): PolicySetting<readonly string[]> {
  return {
    ...texts,
    merge: 'union',
    endedBy,
    combine: (own, inherited) => sortedUnique([...own, ...inherited]),
  };
}

export function timeOfDayUnion(endedBy: string): PolicySetting<readonly TimeOfDay[]> {
  return {
    ...first(readTimesOfDay, isNonEmpty, (times) => times.map(({ hour, min }) => ({ hour, min }))),
    merge: 'union',
    endedBy,
    combine: (own, inherited) => sortedTimesOfDay([...own, ...inherited]),
  };
}

function sortedTimesOfDay(times: readonly TimeOfDay[]): readonly TimeOfDay[] {
  return times
    .toSorted((a, b) => a.hour - b.hour || a.min - b.min)
    .filter(({ hour, min }, index, sorted) => {
      const previous = sorted[index - 1];
      return previous?.hour !== hour || previous.min !== min;
    });
}
