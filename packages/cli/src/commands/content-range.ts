import {
  contentPrefix,
  type ContentID,
  type ContentInfo,
  type IterateContentsOptions,
  type Repository,
} from '@longshore/repo';
import { flag, type Flags, type FlagValues } from '../grammar/flag.ts';
import { text } from '../grammar/value-flags.ts';

/** Which contents a command is about. */
export const CONTENT_RANGE_FLAGS = {
  prefix: text('Only contents whose ID begins so.', { default: '' }),
  prefixed: flag('Only contents with a prefix: metadata.'),
  'non-prefixed': flag('Only contents without a prefix: data of files.'),
} as const satisfies Flags;

/** In the order of their IDs. */
export function* contentsInRange(
  repository: Repository,
  flags: FlagValues<typeof CONTENT_RANGE_FLAGS>,
  options: Pick<IterateContentsOptions, 'includeDeleted'>,
): Generator<ContentInfo, void, void> {
  for (const info of repository.contents.iterateContents(options)) {
    if (isInContentRange(info.contentID, flags)) yield info;
  }
}

export function isInContentRange(
  id: ContentID,
  flags: FlagValues<typeof CONTENT_RANGE_FLAGS>,
): boolean {
  const isPrefixed = contentPrefix(id) !== '';
  if (flags.prefixed) return isPrefixed;
  return flags['non-prefixed'] ? !isPrefixed : id.startsWith(flags.prefix);
}
