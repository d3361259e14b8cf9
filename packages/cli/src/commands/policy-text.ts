import { describeError, LongshoreError } from '@longshore/repo';
import { parsePolicy, unknownPolicySettings, type Policy } from '@longshore/snapshot';

/** A policy that a person wrote. INVALID_ARGUMENT naming `what` if it is none, or has settings that nobody knows. */
export function parseGivenPolicy(
  payload: unknown,
  what: string,
  { allowUnknown = false }: { readonly allowUnknown?: boolean } = {},
): Policy {
  let policy: Policy;
  try {
    policy = parsePolicy(payload, what);
  } catch (cause) {
    throw new LongshoreError('INVALID_ARGUMENT', describeError(cause), { cause });
  }
  const [unknown] = allowUnknown ? [] : unknownPolicySettings(payload);
  if (unknown === undefined) return policy;
  throw new LongshoreError('INVALID_ARGUMENT', `${what}: there is no setting ${unknown}`);
}
