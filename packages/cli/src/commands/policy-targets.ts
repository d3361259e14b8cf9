import { GLOBAL_SOURCE, type SourceInfo } from '@longshore/snapshot';
import { sourceOf } from '../connection/sources.ts';
import type { Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { argumentList, type Argument } from '../grammar/command.ts';
import { flag, type Flag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';

/** Whose policies a command is about. */
export const POLICY_TARGET_FLAGS: { readonly global: Flag<boolean> } = {
  global: flag('The policy of everybody.'),
};

export const POLICY_TARGET_ARGUMENTS: { readonly target: Argument<readonly string[]> } = {
  target: argumentList('Paths, user@host:path, user@host, or @host.'),
};

export function policyTargets(
  context: CommandContext,
  { identity }: Pick<Connection, 'identity'>,
  input: { readonly global: boolean; readonly target: readonly string[] },
): readonly SourceInfo[] {
  if (input.global === input.target.length > 0) {
    throw new UsageError('say whose policy is meant: either --global or one or more targets');
  }
  if (input.global) return [GLOBAL_SOURCE];
  return input.target.map((text) => sourceOf(context, identity, text));
}
