/** What a JSON value is made of: its kind, or the shapes of its members, of all items of a list together. */
export type JSONShape =
  | string
  | { readonly [member: string]: JSONShape }
  | readonly [JSONShape];

/** A member that not every item of a list has. */
const OPTIONAL = '?';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** The shape of a value, for a comparison of two programs: times and other texts are told apart, lengths are not. */
export function jsonShape(value: unknown): JSONShape {
  if (value === null) return 'null';
  if (typeof value === 'string') return TIME.test(value) ? 'time' : 'text';
  if (typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) return [value.map(jsonShape).reduce<JSONShape>(merged, 'nothing')];
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, jsonShape(member)]),
  );
}

function merged(a: JSONShape, b: JSONShape): JSONShape {
  if (a === 'nothing') return b;
  if (b === 'nothing') return a;
  if (isList(a) && isList(b)) return [merged(a[0], b[0])];
  if (isRecord(a) && isRecord(b)) return mergedRecords(a, b);
  return a === b ? a : [...new Set([describe(a), describe(b)])].sort().join(' or ');
}

function mergedRecords(
  a: Readonly<Record<string, JSONShape>>,
  b: Readonly<Record<string, JSONShape>>,
): JSONShape {
  const result: Record<string, JSONShape> = {};
  const [left, right] = [required(a), required(b)];
  for (const name of [...left.keys(), ...[...right.keys()].filter((name) => !left.has(name))]) {
    const [first, second] = [left.get(name), right.get(name)];
    const isOptional =
      first === undefined || second === undefined || first.isOptional || second.isOptional;
    const shape =
      first === undefined || second === undefined
        ? (first ?? second)!.shape
        : merged(first.shape, second.shape);
    result[isOptional ? name + OPTIONAL : name] = shape;
  }
  return result;
}

interface Member {
  readonly shape: JSONShape;
  readonly isOptional: boolean;
}

function required(record: Readonly<Record<string, JSONShape>>): ReadonlyMap<string, Member> {
  return new Map(
    Object.entries(record).map(([name, shape]) => {
      const isOptional = name.endsWith(OPTIONAL);
      return [isOptional ? name.slice(0, -1) : name, { shape, isOptional }];
    }),
  );
}

function isList(shape: JSONShape): shape is readonly [JSONShape] {
  return Array.isArray(shape);
}

function isRecord(shape: JSONShape): shape is { readonly [member: string]: JSONShape } {
  return typeof shape === 'object' && !isList(shape);
}

function describe(shape: JSONShape): string {
  return typeof shape === 'string' ? shape : JSON.stringify(shape);
}
