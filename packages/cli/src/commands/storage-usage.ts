import type { Repository } from '@longshore/repo';
import { walkSnapshot, type DirEntry, type SnapshotManifest } from '@longshore/snapshot';

/** Kopia's names; sizes in bytes, those of directories not counted. */
export interface StorageUsage {
  objectBytes: number;
  originalContentBytes: number;
  packedContentBytes: number;
  fileObjects: number;
  dirObjects: number;
  contents: number;
}

export interface StorageStats {
  readonly newData: StorageUsage;
  readonly runningTotal: StorageUsage;
}

/** Counts what each snapshot adds to those before. Holds the ID of every object and content that it has seen. */
export function createStorageUsage(
  repository: Repository,
  signal: AbortSignal,
): { add(snapshot: SnapshotManifest): Promise<StorageStats> } {
  const objects = new Set<string>();
  const contents = new Set<string>();
  const runningTotal = emptyUsage();

  return {
    async add({ rootEntry }) {
      const newData = emptyUsage();
      if (rootEntry === undefined) return { newData, runningTotal: { ...runningTotal } };
      // Asked just before a directory is loaded, which may be before it is visited: what was counted by an
      // earlier snapshot need not be walked again.
      const before = new Set(objects);
      const enters = ({ entry }: { readonly entry: DirEntry }): boolean =>
        !before.has(entry.objectID ?? '');
      for await (const { entry } of walkSnapshot(repository, rootEntry, { signal, enters })) {
        const { objectID } = entry;
        if (objectID === undefined || objects.has(objectID)) continue;
        objects.add(objectID);
        for (const usage of [newData, runningTotal]) countObject(usage, entry);
        for await (const id of repository.verifyObject(objectID, { signal })) {
          if (contents.has(id)) continue;
          contents.add(id);
          const info = repository.contents.contentInfo(id);
          for (const usage of [newData, runningTotal]) {
            usage.contents += 1;
            if (entry.type === 'd') continue;
            usage.originalContentBytes += info?.originalLength ?? 0;
            usage.packedContentBytes += info?.packedLength ?? 0;
          }
        }
      }
      return { newData, runningTotal: { ...runningTotal } };
    },
  };
}

function countObject(usage: StorageUsage, { type, size }: DirEntry): void {
  if (type === 'd') {
    usage.dirObjects += 1;
  } else {
    usage.fileObjects += 1;
    usage.objectBytes += size;
  }
}

function emptyUsage(): StorageUsage {
  return {
    objectBytes: 0,
    originalContentBytes: 0,
    packedContentBytes: 0,
    fileObjects: 0,
    dirObjects: 0,
    contents: 0,
  };
}
