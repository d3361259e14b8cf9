import {
  createMemoryStorage,
  createRepository,
  createSystemClock,
  encodeUtf8,
  parseObjectID,
  type Algorithms,
  type ContentEngineFactory,
  type MemoryStorage,
  type ObjectID,
  type OpenWritableRepository,
  type RepositoryWriter,
} from '@longshore/repo';
import { DirManifestBuilder } from './dir-manifest-builder.ts';
import { encodeDirManifest, type DirEntry } from './dir-manifest.ts';

/** For tests: an entry that is yet to be stored, whatever its name will be. */
export interface TreeNode extends Partial<Pick<DirEntry, 'mode' | 'mtime' | 'uid' | 'gid'>> {
  readonly type: string;
  /** Of a file, or of a symlink's target. */
  readonly data?: Uint8Array | string;
  /** Of a directory: in this order, with these names, good or bad. */
  readonly children?: readonly (readonly [name: string, node: TreeNode])[];
  /** Stored already: instead of `data` or `children`. */
  readonly objectID?: ObjectID | undefined;
  /** Default: the length of `data`. */
  readonly size?: number;
}

type Metadata = Omit<TreeNode, 'type' | 'data' | 'children'>;

export function file(data: Uint8Array | string, metadata: Metadata = {}): TreeNode {
  return { type: 'f', data, ...metadata };
}

export function link(target: string, metadata: Metadata = {}): TreeNode {
  return { type: 's', mode: 0o777, data: target, ...metadata };
}

export function dir(
  children: Readonly<Record<string, TreeNode>> | TreeNode['children'],
  metadata: Metadata = {},
): TreeNode {
  const listed = Array.isArray(children) ? children : Object.entries(children ?? {});
  return { type: 'd', children: listed, ...metadata };
}

/** For tests: a new repository in memory. */
export async function createTestRepository(
  algorithms: Algorithms,
  options: {
    readonly version?: 1 | 2 | 3;
    readonly splitter?: string;
    readonly engine?: ContentEngineFactory;
  } = {},
): Promise<{ readonly storage: MemoryStorage; readonly repository: OpenWritableRepository }> {
  const storage = createMemoryStorage({ clock: createSystemClock() });
  const repository = await createRepository({
    storage,
    password: 'test',
    algorithms,
    keyDerivation: 'pbkdf2-sha256-600000',
    ...options,
  });
  return { storage, repository };
}

/** Stores a tree, children in the order given; the entry of its root. */
export async function storeTree(
  writer: RepositoryWriter,
  node: TreeNode,
  name = 'root',
): Promise<DirEntry> {
  const { type, children, data, mode, mtime = 1_600_000_000_123_456_789n, uid = 0, gid = 0 } = node;
  const common = { name, type, mtime, uid, gid };
  if (type !== 'd' || 'objectID' in node) {
    const bytes = typeof data === 'string' ? encodeUtf8(data) : (data ?? new Uint8Array());
    const objectID = 'objectID' in node ? node.objectID : await writer.writeObject(bytes);
    return { ...common, mode: mode ?? 0o644, size: node.size ?? bytes.length, objectID };
  }
  const builder = new DirManifestBuilder();
  const entries: DirEntry[] = [];
  for (const [childName, child] of children ?? []) {
    const entry = await storeTree(writer, child, childName);
    entries.push(entry);
    builder.add(entry);
  }
  const { summary } = builder.build(mtime);
  const stream = encodeDirManifest({ entries, summary });
  const objectID = await writer.writeObject(stream, { prefix: 'k' });
  return { ...common, mode: mode ?? 0o755, size: 0, objectID, summary };
}

/** Stores a tree and commits it. */
export async function commitTree(
  repository: OpenWritableRepository,
  node: TreeNode,
): Promise<DirEntry> {
  await using writer = repository.newWriter();
  const entry = await storeTree(writer, node);
  await writer.flush();
  return entry;
}

/** Stores an index object with this list of chunks, sound or not; the ID of the object it describes. */
export async function storeIndexObject(writer: RepositoryWriter, json: object): Promise<ObjectID> {
  const index = await writer.writeObject(encodeUtf8(JSON.stringify(json)), { prefix: 'x' });
  return parseObjectID(`I${index}`);
}
