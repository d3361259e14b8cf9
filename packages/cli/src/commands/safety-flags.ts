import { oneOf } from '../grammar/value-flags.ts';

/** How long maintenance waits, for all commands that do a part of it. */
export const SAFETY_FLAGS = {
  safety: oneOf(['full', 'none'])(
    'Waiting times: "none" is only right while no other client uses the repository.',
    { default: 'full' },
  ),
} as const;
