import { LongshoreError } from '@longshore/repo';
import type { CommandContext } from '../context.ts';
import { loadPassword } from './password-file.ts';

const MAX_PASSWORD_LENGTH = 4096;
const GIVEN = 'set KOPIA_PASSWORD, give --password';

/** From `--password` or its variable, else the file beside the configuration, else the terminal. */
export async function existingPassword(
  context: CommandContext,
  { usePersisted = true }: { readonly usePersisted?: boolean } = {},
): Promise<string> {
  const given = givenPassword(context);
  if (given !== undefined) return given;
  const persisted = usePersisted ? loadPassword(context.configFile) : undefined;
  return persisted ?? askOnTerminal(context, 'Password of the repository: ', GIVEN);
}

/** Of a new repository: asked for twice where it has to be typed. */
export async function newPassword(context: CommandContext): Promise<string> {
  return givenPassword(context) ?? askTwice(context, GIVEN);
}

/** Instead of the one that the repository has. */
export async function replacementPassword(
  context: CommandContext,
  given: string | undefined,
): Promise<string> {
  if (given !== undefined && given !== '') return given;
  return askTwice(context, 'set KOPIA_NEW_PASSWORD, give --new-password');
}

async function askTwice(context: CommandContext, otherWays: string): Promise<string> {
  for (;;) {
    const first = await askOnTerminal(context, 'New password of the repository: ', otherWays);
    const second = await askOnTerminal(context, 'The same password again: ', otherWays);
    if (first === second) return first;
    context.log.warning('The two passwords differ.');
  }
}

/** Kopia takes the space around a password given this way away. */
function givenPassword({ flags }: CommandContext): string | undefined {
  const given = flags.password ?? '';
  return given === '' ? undefined : given.trim();
}

/** `otherWays`: how to give it without a terminal. */
async function askOnTerminal(
  context: CommandContext,
  prompt: string,
  otherWays: string,
): Promise<string> {
  const { stdin } = context;
  if (stdin.isTTY !== true || !('setRawMode' in stdin)) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `no password: ${otherWays}, or run this on a terminal`,
    );
  }
  return readHidden(stdin as NodeJS.ReadStream, prompt, context.signal);
}

/** Reads a line without echo. */
async function readHidden(
  input: NodeJS.ReadStream,
  prompt: string,
  signal: AbortSignal,
): Promise<string> {
  process.stderr.write(prompt);
  input.setRawMode(true);
  input.setEncoding('utf8');
  let typed = '';
  try {
    for await (const chunk of input.iterator({ destroyOnReturn: false })) {
      signal.throwIfAborted();
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n') {
          if (typed !== '') return typed;
        } else if (character === '\u0003' || character === '\u0004') {
          throw new LongshoreError('ABORTED', 'no password was entered');
        } else if (character === '\u007f' || character === '\b') typed = typed.slice(0, -1);
        else if (typed.length < MAX_PASSWORD_LENGTH) typed += character;
      }
    }
    throw new LongshoreError('ABORTED', 'no password was entered');
  } finally {
    input.setRawMode(false);
    input.pause();
    process.stderr.write('\n');
  }
}
