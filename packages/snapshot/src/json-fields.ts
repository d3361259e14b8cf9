import { CorruptDataError, field } from '@longshore/repo';

/** A string member of parsed JSON; empty if it is absent. Another type is CORRUPT_DATA naming `what` and the field. */
export function textField(object: unknown, name: string, what: string): string {
  const value = field(object, name) ?? '';
  if (typeof value !== 'string') throw wrongType(name, 'a string', what);
  return value;
}

/** A member that is an integer of 0 to 2^53 - 1; 0 if it is absent. */
export function countField(object: unknown, name: string, what: string): number {
  const value = integerField(object, name, what);
  if (value < 0) throw wrongType(name, 'a count', what);
  return value;
}

/** A member that is an integer within ±(2^53 - 1); 0 if it is absent. */
export function integerField(object: unknown, name: string, what: string): number {
  const value = field(object, name) ?? 0;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw wrongType(name, 'an integer', what);
  }
  return value;
}

/** A member that is a list; empty if it is absent or null. */
export function listField(object: unknown, name: string, what: string): readonly unknown[] {
  const value = field(object, name) ?? [];
  if (!Array.isArray(value)) throw wrongType(name, 'a list', what);
  return value;
}

/** A member that is a list of strings; empty if it is absent or null. */
export function textListField(object: unknown, name: string, what: string): readonly string[] {
  return listField(object, name, what).map((item) => {
    if (typeof item !== 'string') throw wrongType(name, 'a list of strings', what);
    return item;
  });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function wrongType(name: string, expected: string, what: string): CorruptDataError {
  return new CorruptDataError(`${what}: ${name} is not ${expected}`, { field: name });
}
