import {
  describeError,
  encodeGoJSON,
  encodeUtf8,
  GoRawJSON,
  type ObjectWriterOptions,
  type RepositoryWriter,
} from '@longshore/repo';
import { encodeDirEntry, type DirEntry } from '../dir-manifest.ts';

const STUB_PREFIX = '.INVALID.';
const INFO = 'This stub stands for an entry that could not be read when the snapshot was fixed.';

/**
 * Stores a small file that says what was lost, and returns its entry, named after the lost one and with its metadata.
 * Source of the form: docs/format/directory.md.
 */
export async function writeStub(
  writer: RepositoryWriter,
  lost: DirEntry,
  error: unknown,
  options: Pick<ObjectWriterOptions, 'metadataCompressor' | 'signal'> = {},
): Promise<DirEntry> {
  const content = encodeUtf8(encodeStub(lost, error));
  const { mode, mtime, uid, gid } = lost;
  return {
    name: STUB_PREFIX + lost.name,
    type: 'f',
    mode,
    size: content.length,
    mtime,
    uid,
    gid,
    objectID: await writer.writeObject(content, options),
  };
}

/** Indented as Kopia's stubs are: four spaces a level, and two more in front of every line but the first. */
function encodeStub(lost: DirEntry, error: unknown): string {
  const compact = encodeGoJSON({
    info: INFO,
    error: describeError(error),
    entry: new GoRawJSON(encodeDirEntry(lost)),
  });
  return `${indent(compact)}\n`;
}

/** Only white space is added, so that every string keeps Go's escapes. */
function indent(json: string): string {
  let result = '';
  let level = 0;
  let inString = false;
  const newline = (): string => `\n  ${'    '.repeat(level)}`;
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!;
    if (inString) {
      result += character;
      if (character === '\\') result += json[++i] ?? '';
      else if (character === '"') inString = false;
    } else if (character === '"') {
      inString = true;
      result += character;
    } else if (character === '{' || character === '[') {
      level += 1;
      result += character + newline();
    } else if (character === '}' || character === ']') {
      level -= 1;
      result += newline() + character;
    } else if (character === ',') result += character + newline();
    else if (character === ':') result += ': ';
    else result += character;
  }
  return result;
}
