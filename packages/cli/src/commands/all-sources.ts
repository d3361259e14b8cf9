import type { Repository } from '@longshore/repo';
import { formatSource, listSnapshots, type SourceInfo } from '@longshore/snapshot';

/** Every source that has a snapshot, once. */
export async function allSources(
  repository: Repository,
  signal: AbortSignal,
): Promise<readonly SourceInfo[]> {
  const sources = new Map<string, SourceInfo>();
  for (const { source } of await listSnapshots(repository, undefined, { signal })) {
    sources.set(formatSource(source), source);
  }
  return [...sources.values()];
}
