import { field } from '@longshore/repo';
import { isObject, wrongType } from '../json-fields.ts';
import type { Policy } from './policy.ts';
import { isSetting, POLICY_SCHEMA, type PolicySectionSchema } from './policy-schema.ts';

/** A policy out of a manifest's payload. A member of the wrong type is CORRUPT_DATA naming `what` and the member. */
export function parsePolicy(payload: unknown, what: string): Policy {
  if (!isObject(payload)) throw wrongType('payload', 'a policy', what);
  return parseSection(POLICY_SCHEMA, payload, '', what) as unknown as Policy;
}

function parseSection(
  schema: PolicySectionSchema,
  stored: unknown,
  prefix: string,
  what: string,
): Record<string, unknown> {
  const section: Record<string, unknown> = {};
  for (const [name, node] of Object.entries(schema)) {
    const value = field(stored, name) ?? undefined;
    const path = prefix + name;
    if (!isSetting(node)) {
      if (value !== undefined && !isObject(value)) throw wrongType(path, 'a section', what);
      section[name] = parseSection(node, value, `${path}.`, what);
    } else if (value !== undefined) {
      const parsed = node.read(value, path, what);
      if (node.isSet(parsed)) section[name] = parsed;
    }
  }
  return section;
}

/** Settings of a payload, by their paths, that no policy has: typing errors, or from a newer Kopia. */
export function unknownPolicySettings(payload: unknown): readonly string[] {
  return unknownMembers(POLICY_SCHEMA, payload, '');
}

/** Go, and so Kopia, takes names in any case. */
function unknownMembers(schema: PolicySectionSchema, stored: unknown, prefix: string): string[] {
  if (!isObject(stored)) return [];
  const nodes = new Map(Object.entries(schema).map(([name, node]) => [name.toLowerCase(), node]));
  return Object.entries(stored).flatMap(([name, value]) => {
    const node = nodes.get(name.toLowerCase());
    if (node === undefined) return [prefix + name];
    return isSetting(node) ? [] : unknownMembers(node, value, `${prefix}${name}.`);
  });
}

/** The payload that Kopia would store: members in its order, every section present, nothing that is not set. */
export function policyPayload(policy: Policy): object {
  return sectionPayload(POLICY_SCHEMA, policy);
}

function sectionPayload(schema: PolicySectionSchema, section: object): Record<string, unknown> {
  const payload: Record<string, unknown> = {};
  for (const [name, node] of Object.entries(schema)) {
    const value: unknown = Reflect.get(section, name);
    if (!isSetting(node)) payload[name] = sectionPayload(node, isObject(value) ? value : {});
    else if (value !== undefined && node.isSet(value)) payload[name] = node.write(value);
  }
  return payload;
}
