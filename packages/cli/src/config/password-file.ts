import { Buffer } from 'node:buffer';
import { readFileSync, rmSync } from 'node:fs';
import { LongshoreError } from '@longshore/repo';
import { writePrivateFile } from './config-file.ts';
import { errnoOf } from './errno.ts';

/** Kopia's name for the password beside a connection file. */
function passwordFilePath(configFile: string): string {
  return `${configFile}.kopia-password`;
}

/** Undefined if no password is kept. */
export function loadPassword(configFile: string): string | undefined {
  const path = passwordFilePath(configFile);
  try {
    return Buffer.from(readFileSync(path, 'utf8'), 'base64').toString('utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw new LongshoreError('ACCESS_DENIED', `cannot read ${path} (${errnoOf(cause)})`, {
      path,
      cause,
    });
  }
}

/** In base64, which hides nothing: the file's mode is what protects it. */
export function savePassword(configFile: string, password: string): void {
  writePrivateFile(passwordFilePath(configFile), Buffer.from(password).toString('base64'));
}

export function removePassword(configFile: string): void {
  rmSync(passwordFilePath(configFile), { force: true });
}
