import { NANOSECONDS_PER_SECOND, type ContentInfo } from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { JSON_FLAGS } from '../grammar/value-flags.ts';
import { compressionName } from '../output/content-compression.ts';
import { JSONList } from '../output/json-output.ts';
import { compressionPercent, formatBytes, formatCount } from '../output/units.ts';
import { CONTENT_RANGE_FLAGS, contentsInRange } from './content-range.ts';

const FLAGS = {
  long: flag('Show lengths, times and packs too.', { short: 'l' }),
  compression: flag('Show how contents are compressed.', { short: 'c' }),
  deleted: flag('Include deleted contents.'),
  'deleted-only': flag('Only deleted contents.'),
  summary: flag('Add a line with totals.', { short: 's' }),
  human: flag('Show sizes with units.', { short: 'h' }),
  ...CONTENT_RANGE_FLAGS,
  ...JSON_FLAGS,
};

export const command: Command = defineCommand({
  summary: 'List contents.',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    await withRepository(context, async ({ repository }) => {
      const includeDeleted = flags.deleted || flags['deleted-only'];
      const list = flags.json ? new JSONList(context, flags) : undefined;
      let count = 0;
      let bytes = 0;
      for (const info of contentsInRange(repository, flags, { includeDeleted })) {
        if (flags['deleted-only'] && !info.deleted) continue;
        count += 1;
        bytes += info.packedLength;
        if (list === undefined) context.print(`${contentLine(context, info, flags)}\n`);
        else list.add(contentJSON(info));
      }
      list?.end();
      if (!flags.summary || list !== undefined) return;
      const shownCount = flags.human ? formatCount(count) : String(count);
      const size = flags.human ? formatBytes(bytes) : String(bytes);
      context.print(`Total: ${shownCount} contents, ${size} total size\n`);
    });
  },
});

function contentLine(
  { times }: CommandContext,
  info: ContentInfo,
  flags: FlagValues<typeof FLAGS>,
): string {
  const { contentID, originalLength, packedLength, packOffset, packBlobID } = info;
  const size = (length: number): string => (flags.human ? formatBytes(length) : String(length));
  const deleted = info.deleted ? ' (deleted)' : '';
  if (flags.compression) {
    return `${contentID} length ${size(originalLength)} packed ${size(packedLength)} ${compressionOf(info)} ${deleted}`;
  }
  if (!flags.long) return contentID;
  const time = times.show(BigInt(info.timestampSeconds) * NANOSECONDS_PER_SECOND);
  return `${contentID} ${originalLength} ${time} ${packBlobID} ${packOffset}+${size(packedLength)}${deleted} ${compressionOf(info)}`;
}

function compressionOf(info: ContentInfo): string {
  const { compressionHeaderID: id, originalLength, packedLength } = info;
  if (id === 0) return '-';
  const name = compressionName(id) ?? `compression-${id.toString(16)}`;
  return originalLength > 0 ? `${name} ${compressionPercent(originalLength, packedLength)}` : name;
}

/** Kopia's members, in its order; zeros that it leaves out are left out. */
function contentJSON(info: ContentInfo): object {
  return {
    packFile: info.packBlobID,
    time: info.timestampSeconds,
    originalLength: info.originalLength,
    length: info.packedLength,
    packOffset: info.packOffset || undefined,
    compression: info.compressionHeaderID || undefined,
    contentID: info.contentID,
    deleted: info.deleted,
    formatVersion: info.formatVersion,
    encryptionKeyID: info.encryptionKeyID || undefined,
  };
}
