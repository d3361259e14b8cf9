import { readFileSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { existingPassword } from '../config/ask-password.ts';
import { loadConfigFile } from '../config/config-file.ts';
import { decodeConnectionToken, type ConnectionToken } from '../config/connection-token.ts';
import { errnoOf } from '../config/errno.ts';
import { connectRepository } from '../connection/connect-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { text } from '../grammar/value-flags.ts';
import { CONNECT_FLAGS } from './connect-flags.ts';

const SOURCES = {
  file: text('A connection file of longshore or Kopia.'),
  token: text('A token that "repository status --reconnect-token" showed.'),
  'token-file': text('A file with such a token.'),
  'token-stdin': flag('Read such a token from standard input.'),
};

export const command: Command = defineCommand({
  summary: 'Connect as another connection file or a token says.',
  flags: { ...SOURCES, ...CONNECT_FLAGS },
  args: {},
  async run(context, { flags }) {
    const { storage, password } = await readSource(context, flags);
    await connectRepository(
      context,
      storage,
      flags,
      password || (await existingPassword(context, { usePersisted: false })),
    );
  },
});

async function readSource(
  context: CommandContext,
  flags: FlagValues<typeof SOURCES>,
): Promise<ConnectionToken> {
  if (flags.file !== undefined) {
    return { storage: loadConfigFile(flags.file, context.env).storage, password: '' };
  }
  if (flags.token !== undefined) return decodeConnectionToken(flags.token);
  if (flags['token-file'] !== undefined)
    return decodeConnectionToken(readToken(flags['token-file']));
  if (flags['token-stdin']) return decodeConnectionToken(await textOf(context.stdin));
  throw new UsageError('give one of --file, --token, --token-file and --token-stdin');
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--token-file: cannot read ${path} (${errnoOf(error)})`);
  }
}
