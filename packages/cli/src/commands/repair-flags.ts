import { flag, type Flags, type FlagValues } from '../grammar/flag.ts';
import { oneOf, texts } from '../grammar/value-flags.ts';

export const REPAIR_FLAGS = {
  'recover-format': oneOf(['auto', 'yes', 'no'])('Whether to look for the format blob.', {
    default: 'auto',
  }),
  'recover-format-block-prefixes': texts('Look into blobs whose names start so (default: packs).'),
  'dry-run': flag('Only say what would be written.', { short: 'n' }),
} as const satisfies Flags;

export type RepairFlagValues = FlagValues<typeof REPAIR_FLAGS>;
