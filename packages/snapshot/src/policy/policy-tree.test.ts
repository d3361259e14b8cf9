import { describe, expect, it } from 'vitest';
import { buildPolicyTree } from './policy-tree.ts';
import { EMPTY_POLICY, type Policy } from './policy.ts';

function policy(algorithm: string): Policy {
  return { ...EMPTY_POLICY, splitter: { algorithm } };
}

const ROOT = policy('root');
const SUB = policy('sub');
const DEEP = policy('deep');

describe('a policy tree', () => {
  const tree = buildPolicyTree(
    ROOT,
    new Map([
      ['sub', SUB],
      ['x/y/deep', DEEP],
    ]),
  );

  it('has the effective policy at its root, which counts as defined', () => {
    expect(tree.policy).toBe(ROOT);
    expect(tree.definedPolicy).toBe(ROOT);
  });

  it('has the policy of a directory exactly as it is stored, and below it', () => {
    const sub = tree.child('sub');
    expect(sub.policy).toBe(SUB);
    expect(sub.definedPolicy).toBe(SUB);
    expect(sub.child('any').child('thing').policy).toBe(SUB);
    expect(sub.child('any').definedPolicy).toBeUndefined();
  });

  it('inherits the policy of the nearest directory above that has one', () => {
    const between = tree.child('x').child('y');
    expect(between.policy).toBe(ROOT);
    expect(between.definedPolicy).toBeUndefined();
    expect(between.child('deep').definedPolicy).toBe(DEEP);
    expect(between.child('other').policy).toBe(ROOT);
    expect(tree.child('deep').policy).toBe(ROOT);
  });

  it('makes no node for what inherits', () => {
    const other = tree.child('other');
    expect(other.child('a')).toBe(other);
    expect(tree.child('another')).toBe(other);
  });
});
