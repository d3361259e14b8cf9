import type { Policy } from './policy.ts';

/**
 * The policies of a source and of what lies below it. A directory without a node of its own has the policy of the
 * nearest one above, unchanged; one with a node has exactly what is stored for it: nothing is inherited into it.
 */
export class PolicyNode {
  /** In force here. */
  readonly policy: Policy;
  /** Set if this node has a policy of its own; the root always has. */
  readonly definedPolicy: Policy | undefined;
  readonly #children: ReadonlyMap<string, PolicyNode>;
  /** The node of every child that has none of its own. */
  readonly #inherited: PolicyNode;

  constructor(
    policy: Policy,
    definedPolicy: Policy | undefined,
    children: ReadonlyMap<string, PolicyNode>,
  ) {
    this.policy = policy;
    this.definedPolicy = definedPolicy;
    this.#children = children;
    this.#inherited =
      definedPolicy === undefined && children.size === 0
        ? this
        : new PolicyNode(policy, undefined, new Map());
  }

  child(name: string): PolicyNode {
    if (this.#children.size === 0) return this.#inherited;
    return this.#children.get(name) ?? this.#inherited;
  }
}

/**
 * `below` holds policies as stored, by path relative to the source with `/`. `effective` is the merged policy of
 * the source itself.
 */
export function buildPolicyTree(
  effective: Policy,
  below: ReadonlyMap<string, Policy> = new Map(),
): PolicyNode {
  const defined = [...below].map(([path, policy]) => ({ parts: path.split('/'), policy }));
  return buildNode(effective, effective, defined);
}

interface PolicyBelow {
  readonly parts: readonly string[];
  readonly policy: Policy;
}

function buildNode(
  policy: Policy,
  definedPolicy: Policy | undefined,
  below: readonly PolicyBelow[],
): PolicyNode {
  const children = new Map<string, PolicyNode>();
  for (const [name, group] of Map.groupBy(below, ({ parts }) => parts[0]!)) {
    const own = group.findLast(({ parts }) => parts.length === 1)?.policy;
    const deeper = group
      .filter(({ parts }) => parts.length > 1)
      .map(({ parts, policy }) => ({ parts: parts.slice(1), policy }));
    children.set(name, buildNode(own ?? policy, own, deeper));
  }
  return new PolicyNode(policy, definedPolicy, children);
}
