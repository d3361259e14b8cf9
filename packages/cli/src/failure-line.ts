import { describeError, errorCode, field, type ErrorCode } from '@longshore/repo';
import { errnoOf } from './config/errno.ts';

/** The way out, for failures whose message cannot know it. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  INVALID_PASSWORD: 'check KOPIA_PASSWORD or --password',
  REPOSITORY_NOT_INITIALIZED:
    'create one with "longshore repository create", or check the location',
  REPOSITORY_EXISTS: 'use "longshore repository connect" to work with it',
  REPOSITORY_LOCKED: 'wait until the upgrade is finished',
  OBJECT_NOT_FOUND: '"longshore snapshot list -a -m" shows what there is',
  PATH_NOT_FOUND: 'check the path',
  SOURCE_UNREADABLE: 'check the path and its permissions',
  NO_SPACE: 'free some space and run the command again',
  WORKER_FAILED: 'run the command again; if memory is short, give --memory-limit',
  STORAGE_THROTTLED: 'try again later, or set limits with --max-upload-speed when connecting',
};

/** One line that says what failed, where, and what to do. */
export function failureLine(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) {
    return errnoOf(error) === undefined
      ? `internal error: ${oneLine(describeError(error))}`
      : oneLine(describeError(error));
  }
  const message = oneLine(describeError(error));
  const hint = hintOf(code, error);
  return hint === undefined || message.includes('longshore ') ? message : `${message}; ${hint}`;
}

function hintOf(code: ErrorCode, error: unknown): string | undefined {
  const facts: unknown = typeof error === 'object' ? Reflect.get(error ?? {}, 'facts') : undefined;
  if (code === 'CORRUPT_DATA') return damageHint(error, facts);
  if (code === 'INVALID_ARGUMENT' && field(facts, 'field') === 'reference') {
    return '"longshore snapshot list -a -m" shows IDs; paths of this machine are for restore';
  }
  return HINTS[code];
}

function damageHint(error: unknown, facts: unknown): string {
  const blobID = field(facts, 'blobID');
  if (typeof blobID === 'string' && /^[xn]/.test(blobID)) {
    return '"longshore index recover --delete-indexes --commit --dangerous-commands=enabled" builds the indexes anew from the packs';
  }
  const isFormat = describeError(error).startsWith('kopia.');
  if (isFormat || (typeof blobID === 'string' && blobID.startsWith('kopia.'))) {
    return 'put it back from a copy of the storage';
  }
  return 'run "longshore snapshot verify --max-errors=-1" to see what is affected';
}

/** Without line breaks, and without the codes that Node puts around what the system said. */
function oneLine(text: string): string {
  return text
    .replaceAll(/\bE[A-Z0-9]+: ([^,]+), [a-z]+(?: '[^']*')?(?: -> '[^']*')?/g, '$1')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
}
