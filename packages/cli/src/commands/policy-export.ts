import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { encodeGoJSON, LongshoreError, sortedRecord } from '@longshore/repo';
import {
  formatSource,
  getPolicy,
  listPolicies,
  policyPayload,
  type StoredPolicy,
} from '@longshore/snapshot';
import { expandHome } from '../config/config-paths.ts';
import { errnoOf } from '../config/errno.ts';
import { withRepository, type Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { text } from '../grammar/value-flags.ts';
import { indentJSON } from '../output/indent-json.ts';
import { POLICY_TARGET_ARGUMENTS, POLICY_TARGET_FLAGS, policyTargets } from './policy-targets.ts';

const FLAGS = {
  'to-file': text('Write to this file rather than to standard output.'),
  overwrite: flag('Replace the file if it is there.'),
  'json-indent': flag('Indent the JSON.', { hidden: true }),
  ...POLICY_TARGET_FLAGS,
};

export const command: Command = defineCommand({
  summary: 'Write policies as JSON, by their targets.',
  details: 'Without a target all policies are written.',
  flags: FLAGS,
  args: POLICY_TARGET_ARGUMENTS,
  async run(context, { flags, args }) {
    const file = flags['to-file'] ?? '';
    if (file === '' && flags.overwrite) throw new UsageError('--overwrite needs --to-file');
    await withRepository(context, async (connection) => {
      const policies = await chosenPolicies(context, connection, flags, args.target);
      const entries = policies.map(({ target, policy }) => [
        formatSource(target),
        policyPayload(policy),
      ]);
      const compact = encodeGoJSON(sortedRecord(Object.fromEntries(entries)));
      const json = `${flags['json-indent'] ? indentJSON(compact) : compact}\n`;
      if (file === '') context.print(json);
      else {
        const path = resolve(context.workingDirectory, expandHome(file, context.env));
        writeFile(path, json, flags.overwrite);
      }
    });
  },
});

async function chosenPolicies(
  context: CommandContext,
  connection: Connection,
  { global }: FlagValues<typeof FLAGS>,
  target: readonly string[],
): Promise<readonly StoredPolicy[]> {
  const { repository } = connection;
  const { signal } = context;
  if (!global && target.length === 0) return listPolicies(repository, { signal });
  const policies: StoredPolicy[] = [];
  for (const source of policyTargets(context, connection, { global, target })) {
    const policy = await getPolicy(repository, source, { signal });
    if (policy === undefined) {
      throw new LongshoreError('MANIFEST_NOT_FOUND', `${formatSource(source)} has no policy`);
    }
    policies.push(policy);
  }
  return policies;
}

function writeFile(path: string, json: string, overwrite: boolean): void {
  try {
    writeFileSync(path, json, { mode: 0o600, flag: overwrite ? 'w' : 'wx', flush: true });
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') {
      throw new LongshoreError('ALREADY_EXISTS', `${path} is there; --overwrite replaces it`, {
        path,
        cause,
      });
    }
    throw new LongshoreError(
      errnoOf(cause) === 'ENOSPC' ? 'NO_SPACE' : 'TARGET_UNWRITABLE',
      `cannot write ${path} (${errnoOf(cause) ?? String(cause)})`,
      { path, cause },
    );
  }
}
