import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { LongshoreError, parseGoJSON, writeSession } from '@longshore/repo';
import {
  formatSource,
  listPolicies,
  removePolicy,
  sameSource,
  setPolicy,
  type Policy,
  type SourceInfo,
} from '@longshore/snapshot';
import { expandHome } from '../config/config-paths.ts';
import { errnoOf } from '../config/errno.ts';
import { sourceOf } from '../connection/sources.ts';
import { withWritableRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { text } from '../grammar/value-flags.ts';
import { parseGivenPolicy } from './policy-text.ts';
import { POLICY_TARGET_ARGUMENTS, POLICY_TARGET_FLAGS, policyTargets } from './policy-targets.ts';

export const command: Command = defineCommand({
  summary: 'Set policies from JSON that "policy export" wrote.',
  details:
    'Given targets limit what is imported. Either all is stored or, after an error, nothing.',
  flags: {
    'from-file': text('Read this file rather than standard input.'),
    'allow-unknown-fields': flag('Pass over settings that longshore does not know.'),
    'delete-other-policies': flag('Delete the policies of all other targets.'),
    ...POLICY_TARGET_FLAGS,
  },
  args: POLICY_TARGET_ARGUMENTS,
  async run(context, { flags, args }) {
    const { signal, log } = context;
    const { file, bytes } = await readInput(context, flags['from-file'] ?? '');
    const json = parseJSON(bytes, file);
    await withWritableRepository(context, async (connection) => {
      const { identity, repository } = connection;
      const { global } = flags;
      const limits =
        global || args.target.length > 0
          ? policyTargets(context, connection, { global, target: args.target })
          : undefined;
      const imported: { readonly target: SourceInfo; readonly policy: Policy }[] = [];
      for (const [name, payload] of Object.entries(json)) {
        const target = sourceOf(context, identity, name);
        if (limits !== undefined && !limits.some((limit) => sameSource(limit, target))) continue;
        const allowUnknown = flags['allow-unknown-fields'];
        const policy = parseGivenPolicy(payload, `${file}: ${name}`, { allowUnknown });
        imported.push({ target, policy });
      }
      await writeSession(repository, { signal }, async (writer) => {
        for (const { target, policy } of imported) {
          await setPolicy(writer, target, policy);
          log.info(`Imported the policy for ${formatSource(target)}`);
        }
        if (!flags['delete-other-policies']) return;
        for (const { target } of await listPolicies(writer, { signal })) {
          if (imported.some((kept) => sameSource(kept.target, target))) continue;
          if (await removePolicy(writer, target)) {
            log.info(`Deleted the policy for ${formatSource(target)}`);
          }
        }
      });
    });
  },
});

async function readInput(
  context: CommandContext,
  given: string,
): Promise<{ readonly file: string; readonly bytes: Uint8Array }> {
  if (given === '') return { file: 'standard input', bytes: await buffer(context.stdin) };
  const path = resolve(context.workingDirectory, expandHome(given, context.env));
  try {
    return { file: path, bytes: readFileSync(path) };
  } catch (cause) {
    throw new LongshoreError('PATH_NOT_FOUND', `cannot read ${path} (${errnoOf(cause)})`, {
      path,
      cause,
    });
  }
}

function parseJSON(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = parseGoJSON(bytes, file);
  } catch (cause) {
    throw new LongshoreError('INVALID_ARGUMENT', `${file} is not JSON`, { cause });
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    return json as Readonly<Record<string, unknown>>;
  }
  throw new LongshoreError('INVALID_ARGUMENT', `${file} does not hold policies by their targets`);
}
