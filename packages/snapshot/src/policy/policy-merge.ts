import type { SourceInfo } from '../source-info.ts';
import { DEFAULT_POLICY, EMPTY_POLICY, type Policy } from './policy.ts';
import { isSetting, POLICY_SCHEMA, type PolicySectionSchema } from './policy-schema.ts';
import type { PolicySetting } from './policy-setting.ts';

/** A policy and what it is defined for. */
export interface TargetedPolicy {
  readonly target: SourceInfo;
  readonly policy: Policy;
}

/** Where the value of a setting comes from. */
export type PolicyOrigin = SourceInfo | 'default';

/** The settings in force for a source. */
export interface EffectivePolicy {
  readonly policy: Policy;
  /** By path, such as `retention.keepLatest`. For a union: the least specific policy that adds to it. */
  readonly origins: ReadonlyMap<string, PolicyOrigin>;
}

/**
 * Merges policies, the most specific first, and the built-in defaults. One that says `noParent` ends the
 * merge, defaults included. The first one is taken for the source's own: only it may set folder actions.
 */
export function mergePolicies(policies: readonly TargetedPolicy[]): EffectivePolicy {
  const merged = new PolicyMerge();
  for (const { policy, target } of policies) {
    merged.add(policy, target);
    if (policy.noParent === true) return merged.result();
  }
  merged.add(DEFAULT_POLICY, 'default');
  const own = policies[0];
  if (own !== undefined) merged.addOwn(own.policy, own.target);
  return merged.result();
}

/** A section under construction. */
type Draft = Record<string, unknown>;

class PolicyMerge {
  readonly #policy: Policy = structuredClone(EMPTY_POLICY);
  readonly #origins = new Map<string, PolicyOrigin>();

  add(policy: Policy, origin: PolicyOrigin): void {
    forEachSetting(this.#policy, policy, (draft, name, path, setting, value) => {
      if (setting.merge === 'first' && draft[name] === undefined) {
        draft[name] = value;
        this.#origins.set(path, origin);
      } else if (setting.merge === 'union' && draft[setting.endedBy ?? ''] !== true) {
        draft[name] = setting.combine?.(draft[name] ?? [], value);
        this.#origins.set(path, origin);
      }
    });
  }

  addOwn(policy: Policy, origin: PolicyOrigin): void {
    forEachSetting(this.#policy, policy, (draft, name, path, setting, value) => {
      if (setting.merge !== 'ownOnly') return;
      draft[name] = value;
      this.#origins.set(path, origin);
    });
  }

  result(): EffectivePolicy {
    return { policy: this.#policy, origins: this.#origins };
  }
}

type SettingVisitor = (
  draft: Draft,
  name: string,
  path: string,
  setting: PolicySetting<unknown>,
  value: unknown,
) => void;

/** Calls `visit` for each setting that `policy` sets, with the section of `draft` that it belongs to. */
function forEachSetting(draft: Policy, policy: Policy, visit: SettingVisitor): void {
  const walk = (
    schema: PolicySectionSchema,
    target: object,
    source: object,
    prefix: string,
  ): void => {
    for (const [name, node] of Object.entries(schema)) {
      const value: unknown = Reflect.get(source, name);
      const path = prefix + name;
      if (!isSetting(node)) {
        walk(node, Reflect.get(target, name) as object, value as object, `${path}.`);
      } else if (value !== undefined && node.isSet(value)) {
        visit(target as Draft, name, path, node, value);
      }
    }
  };
  walk(POLICY_SCHEMA, draft, policy, '');
}
