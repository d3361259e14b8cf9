import { resolve } from 'node:path';
import type { ClientIdentity } from '@longshore/repo';
import { parseSource, type SourceInfo } from '@longshore/snapshot';
import { expandHome } from '../config/config-paths.ts';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../grammar/usage-error.ts';

/** `user@host:path`, `user@host`, `@host`, or a path of this client. */
export function sourceOf(
  context: Pick<CommandContext, 'env' | 'workingDirectory'>,
  identity: ClientIdentity,
  text: string,
): SourceInfo {
  return parseSource(text, {
    host: identity.hostName,
    userName: identity.userName,
    absolutePath: (path) => resolve(context.workingDirectory, expandHome(path, context.env)),
  });
}

/** `<key>:<value>` pairs as labels: Kopia stores a tag under `tag:<key>`. */
export function parseTags(tags: readonly string[]): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const tag of tags) {
    const colon = tag.indexOf(':');
    if (colon < 0) throw new UsageError(`--tags needs <key>:<value>, not ${JSON.stringify(tag)}`);
    const label = `tag:${tag.slice(0, colon)}`;
    if (Object.hasOwn(labels, label)) {
      throw new UsageError(`--tags names ${JSON.stringify(tag.slice(0, colon))} twice`);
    }
    labels[label] = tag.slice(colon + 1);
  }
  return labels;
}
