import { readFileSync } from 'node:fs';
import { describeError, LongshoreError } from '@longshore/repo';
import type { Policy } from '@longshore/snapshot';
import { flag, type Flags, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, oneOf, text } from '../grammar/value-flags.ts';

const SECOND = 1_000_000_000n;

/** Bytes of a script that a policy holds. Kopia's number. */
const MAX_SCRIPT_LENGTH = 32_000;

/** Stands for "not given" in Kopia. */
const UNCHANGED = '-';
const REMOVALS = ['', 'none', 'inherit', 'default'];

const program = (when: string): ReturnType<typeof text> =>
  text(`Program to run ${when}, with its arguments; "none" takes it out.`, {
    placeholder: 'COMMAND',
  });

/** Programs that a backup runs. */
export const ACTION_FLAGS = {
  'before-folder-action': program('before a folder is backed up'),
  'after-folder-action': program('after a folder was backed up'),
  'before-snapshot-root-action': program('before a backup begins'),
  'after-snapshot-root-action': program('after a backup has ended'),
  'action-command-timeout': duration('How long the program may run.', { default: 300n * SECOND }),
  'action-command-mode': oneOf(['essential', 'optional', 'async'])(
    'Whether its failure is one of the backup, and whether to wait for it.',
    { default: 'essential' },
  ),
  'persist-action-script': flag('Keep the program itself, a script, in the policy.'),
} as const satisfies Flags;

type ActionFlags = FlagValues<typeof ACTION_FLAGS>;
type Action = NonNullable<Policy['actions']['beforeFolder']>;

const ACTIONS = [
  ['before-folder-action', 'beforeFolder'],
  ['after-folder-action', 'afterFolder'],
  ['before-snapshot-root-action', 'beforeSnapshotRoot'],
  ['after-snapshot-root-action', 'afterSnapshotRoot'],
] as const;

/** The programs that flags set or take out, by the name of the setting. */
export function actionChanges(
  flags: ActionFlags,
): readonly { readonly name: keyof Policy['actions']; readonly action: Action | undefined }[] {
  return ACTIONS.flatMap(([flagName, name]) => {
    const given = flags[flagName] ?? UNCHANGED;
    if (given === UNCHANGED) return [];
    return [
      { name, action: REMOVALS.includes(given) ? undefined : actionOf(flagName, given, flags) },
    ];
  });
}

function actionOf(flagName: string, given: string, flags: ActionFlags): Action {
  const timeout = Number(flags['action-command-timeout'] / SECOND);
  if (timeout <= 0) throw new UsageError('--action-command-timeout must be a second or more');
  const mode = flags['action-command-mode'];
  if (flags['persist-action-script']) return { script: readScript(given), timeout, mode };
  const [path = '', ...args] = splitCommand(flagName, given);
  return { path, ...(args.length === 0 ? {} : { args }), timeout, mode };
}

function readScript(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new LongshoreError('PATH_NOT_FOUND', `cannot read ${path}: ${describeError(cause)}`, {
      path,
      cause,
    });
  }
  if (bytes.length > MAX_SCRIPT_LENGTH) {
    throw new UsageError(
      `${path} has ${bytes.length} bytes, and a policy holds scripts of at most ${MAX_SCRIPT_LENGTH}`,
    );
  }
  return new TextDecoder().decode(bytes);
}

/** Words between spaces; one in double quotes may have spaces, and a doubled quote stands for a quote in it. */
export function splitCommand(flagName: string, given: string): readonly string[] {
  const words: string[] = [];
  const word = /(?:"((?:[^"]|"")*)"|([^" ]*))(?: |$)/y;
  do {
    const match = word.exec(given);
    if (match === null) {
      throw new UsageError(`--${flagName}: a quote is out of place in ${JSON.stringify(given)}`);
    }
    words.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
  } while (word.lastIndex < given.length);
  return words;
}
