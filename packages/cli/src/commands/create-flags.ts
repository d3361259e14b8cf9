import { SPLITTER_NAMES } from '@longshore/chunker';
import { ECC_NAMES, ENCRYPTION_NAMES, HASH_NAMES, KEY_DERIVATION_NAMES } from '@longshore/repo';
import type { Flags, FlagValues } from '../grammar/flag.ts';
import { flag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { integer, oneOf } from '../grammar/value-flags.ts';
import { CONNECT_FLAGS } from './connect-flags.ts';
import { RETENTION_FLAGS } from './retention-flags.ts';

/** Flags of creating a repository, whatever the storage. */
export const CREATE_FLAGS = {
  'block-hash': oneOf(HASH_NAMES)('Hash that names contents.', {
    placeholder: 'ALGO',
    default: 'BLAKE2B-256-128',
  }),
  encryption: oneOf(ENCRYPTION_NAMES)('Cipher of contents.', {
    placeholder: 'ALGO',
    default: 'AES256-GCM-HMAC-SHA256',
  }),
  ecc: oneOf(ECC_NAMES)('Code that mends damaged contents.', {
    placeholder: 'ALGO',
    default: 'REED-SOLOMON-CRC32',
  }),
  'ecc-overhead-percent': integer('Space that mending may take, 0 to 100; 0 switches it off.', {
    default: 0,
  }),
  'object-splitter': oneOf(SPLITTER_NAMES)('Where files are cut into contents.', {
    default: 'DYNAMIC-4M-BUZHASH',
  }),
  'create-only': flag('Do not connect to the new repository.', { short: 'c' }),
  'format-version': integer('Format of the repository, 1 to 3; 0 is the newest.', { default: 0 }),
  ...RETENTION_FLAGS,
  'format-block-key-derivation-algorithm': oneOf(KEY_DERIVATION_NAMES)(
    'How the password becomes a key.',
    { default: 'scrypt-65536-8-1' },
  ),
  ...CONNECT_FLAGS,
} as const satisfies Flags;

export type CreateFlagValues = FlagValues<typeof CREATE_FLAGS>;

/** 1 to 3; UsageError for any other version. */
export function formatVersion(flags: CreateFlagValues): 1 | 2 | 3 {
  const version = flags['format-version'] || 3;
  if (version === 1 || version === 2 || version === 3) return version;
  throw new UsageError(`--format-version must be 1, 2 or 3, not ${version}`);
}
