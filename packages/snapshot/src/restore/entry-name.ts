import { LongshoreError } from '@longshore/repo';

/** False for a stored name that would not be one entry of its directory. */
export function isEntryName(name: string): boolean {
  return (
    name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0')
  );
}

/**
 * Refuses with TARGET_UNSAFE a stored name that would not be one entry of its directory: empty, `.`, `..`, or with
 * a slash or NUL in it. Every output checks every name: a snapshot may have been written by anyone with the password.
 */
export function checkEntryName(name: string, directory: string): void {
  if (isEntryName(name)) return;
  throw new LongshoreError(
    'TARGET_UNSAFE',
    `${directory === '' ? 'the snapshot root' : directory}: unsafe name ${JSON.stringify(name)}`,
    { path: directory },
  );
}
