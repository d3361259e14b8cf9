import { LongshoreError } from '@longshore/repo';
import type { CommandContext } from '../context.ts';
import { loadPassword } from './password-file.ts';

const MAX_PASSWORD_LENGTH = 4096;

/** From `--password` or its variable, else the file beside the configuration, else the terminal. */
export async function existingPassword(
  context: CommandContext,
  { usePersisted = true }: { readonly usePersisted?: boolean } = {},
): Promise<string> {
  const given = givenPassword(context);
  if (given !== undefined) return given;
  const persisted = usePersisted ? loadPassword(context.configFile) : undefined;
  return persisted ?? askOnTerminal(context, 'Password of the repository: ');
}

/** Asked for twice where it has to be typed. */
export async function newPassword(
  context: CommandContext,
  given: string | undefined = givenPassword(context),
): Promise<string> {
  if (given !== undefined && given !== '') return given;
  for (;;) {
    const first = await askOnTerminal(context, 'New password of the repository: ');
    const second = await askOnTerminal(context, 'The same password again: ');
    if (first === second) return first;
    context.log.warning('The two passwords differ.');
  }
}

/** Kopia takes the space around a password given this way away. */
function givenPassword({ flags }: CommandContext): string | undefined {
  const given = flags.password ?? '';
  return given === '' ? undefined : given.trim();
}

async function askOnTerminal(context: CommandContext, prompt: string): Promise<string> {
  const { stdin } = context;
  if (stdin.isTTY !== true || !('setRawMode' in stdin)) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'no password: set KOPIA_PASSWORD, give --password, or run this on a terminal',
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
