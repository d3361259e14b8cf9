import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  describeError,
  encodeGoJSON,
  encodeUtf8,
  LongshoreError,
  parseGoJSON,
  writeSession,
} from '@longshore/repo';
import {
  EMPTY_POLICY,
  formatSource,
  getPolicy,
  policyPayload,
  setPolicy,
  type Policy,
} from '@longshore/snapshot';
import { withWritableRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { indentJSON } from '../output/indent-json.ts';
import { askLine } from './ask-line.ts';
import { POLICY_TARGET_ARGUMENTS, POLICY_TARGET_FLAGS, policyTargets } from './policy-targets.ts';
import { parseGivenPolicy } from './policy-text.ts';

export const command: Command = defineCommand({
  summary: 'Change policies as JSON in an editor.',
  details: 'The editor is $VISUAL, $EDITOR, or vi.',
  flags: POLICY_TARGET_FLAGS,
  args: POLICY_TARGET_ARGUMENTS,
  async run(context, { flags, args }) {
    const { signal, log } = context;
    await withWritableRepository(context, async (connection) => {
      const { repository } = connection;
      const { global } = flags;
      for (const target of policyTargets(context, connection, { global, target: args.target })) {
        const name = formatSource(target);
        const before = (await getPolicy(repository, target, { signal }))?.policy ?? EMPTY_POLICY;
        const policy = await edit(context, name, before);
        if (policy === undefined || asText(policy) === asText(before)) {
          log.info(`The policy for ${name} stays as it is.`);
          continue;
        }
        log.info(`The policy for ${name} would become:\n${asText(policy)}`);
        if (!/^y/i.test(await askLine(context, 'Save it? (y/N) '))) continue;
        await writeSession(repository, { signal }, async (writer) => {
          await setPolicy(writer, target, policy);
        });
        log.info(`Saved the policy for ${name}.`);
      }
    });
  },
});

function asText(policy: Policy): string {
  return indentJSON(encodeGoJSON(policyPayload(policy)));
}

/** Again and again until it can be read; undefined: given up. */
async function edit(
  context: CommandContext,
  name: string,
  policy: Policy,
): Promise<Policy | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-policy-'));
  const file = join(folder, 'policy.conf');
  try {
    writeFileSync(file, `${comment(name)}${asText(policy)}\n`, { mode: 0o600 });
    for (;;) {
      await runEditor(context, file);
      try {
        const lines = readFileSync(file, 'utf8').split('\n');
        const json = lines.filter((line) => !line.trimStart().startsWith('#')).join('\n');
        return parseGivenPolicy(parseGoJSON(encodeUtf8(json), 'the edited text'), 'the policy');
      } catch (error) {
        context.log.error(describeError(error));
        const answer = await askLine(context, 'Back to the editor? (Y/n) ');
        if (!/^(?:y|$)/i.test(answer.trim())) return undefined;
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function comment(name: string): string {
  return [
    `# The policy for ${name}. Lines that begin with # do not count.`,
    '# What is not set here is inherited from the policies above.',
    '# "longshore policy set --help" describes the settings; docs/format/policy.md names them.',
    '',
  ].join('\n');
}

async function runEditor({ env, signal }: CommandContext, file: string): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi';
  const child = spawn('sh', ['-c', `${editor} "$@"`, editor, file], { stdio: 'inherit', signal });
  const code = await new Promise<number | null>((done, reject) => {
    child.on('error', reject);
    child.on('close', done);
  });
  if (code === 0) return;
  throw new LongshoreError('INVALID_ARGUMENT', `the editor ${editor} failed; nothing was changed`);
}
