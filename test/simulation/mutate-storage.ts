import {
  createMemoryStorage,
  type BlobID,
  type BlobReader,
  type Clock,
  type MemoryStorage,
} from '@longshore/repo';
import type { RandomNumber } from '../../packages/repo/src/blob/seeded-random.ts';

/** Every blob of a repository with the time that its storage gave it. */
export type StoredBlobs = ReadonlyMap<
  BlobID,
  { readonly data: Uint8Array; readonly timestamp: bigint }
>;

export async function readAllBlobs(storage: BlobReader): Promise<StoredBlobs> {
  const blobs = new Map<BlobID, { readonly data: Uint8Array; readonly timestamp: bigint }>();
  for await (const { id, timestamp } of storage.listBlobs('')) {
    blobs.set(id, { data: await storage.getBlob(id), timestamp });
  }
  return blobs;
}

export async function storageOf(blobs: StoredBlobs, clock: Clock): Promise<MemoryStorage> {
  const storage = createMemoryStorage({ clock });
  for (const [id, { data, timestamp }] of blobs) {
    await storage.putBlob(id, data);
    storage.setTimestamp(id, timestamp);
  }
  return storage;
}

export const BLOB_KINDS = ['pack', 'metadata pack', 'index', 'marker', 'kopia'] as const;
export type BlobKind = (typeof BLOB_KINDS)[number];

export function kindOfBlob(id: BlobID): BlobKind {
  if (id.startsWith('p')) return 'pack';
  if (id.startsWith('q')) return 'metadata pack';
  if (/^(?:n|x[nsr])/.test(id)) return 'index';
  return id.startsWith('kopia.') ? 'kopia' : 'marker';
}

export const MUTATIONS = ['flip', 'cut', 'drop', 'swap', 'zero', 'append'] as const;
export type Mutation = (typeof MUTATIONS)[number];

export interface Damage {
  readonly mutation: Mutation;
  /** One, or two that changed places. */
  readonly blobs: readonly BlobID[];
}

/** Damages one blob, or exchanges the bytes of two of one kind; the generator decides which and how. */
export function damageOne(
  blobs: StoredBlobs,
  random: RandomNumber,
): { readonly damaged: StoredBlobs; readonly damage: Damage } {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const kinds = BLOB_KINDS.filter((kind) =>
    [...blobs.keys()].some((id) => kindOfBlob(id) === kind),
  );
  const kind = pick(kinds);
  const candidates = [...blobs.keys()].filter((id) => kindOfBlob(id) === kind);
  const mutation = pick(MUTATIONS);
  const id = pick(candidates);
  const damaged = new Map(blobs);
  const { data, timestamp } = blobs.get(id)!;
  if (mutation === 'drop') {
    damaged.delete(id);
    return { damaged, damage: { mutation, blobs: [id] } };
  }
  if (mutation === 'swap') {
    const other = pick([...blobs.keys()]);
    damaged.set(id, { data: blobs.get(other)!.data, timestamp });
    damaged.set(other, { data, timestamp: blobs.get(other)!.timestamp });
    return { damaged, damage: { mutation, blobs: [id, other] } };
  }
  damaged.set(id, { data: mutated(data, mutation, random), timestamp });
  return { damaged, damage: { mutation, blobs: [id] } };
}

function mutated(
  data: Uint8Array,
  mutation: Exclude<Mutation, 'drop' | 'swap'>,
  random: RandomNumber,
): Uint8Array {
  const place = Math.floor(random() * data.length);
  const length = 1 + Math.floor(random() ** 3 * data.length);
  if (mutation === 'flip') return flipBits(data, random, 1 + Math.floor(random() * 20));
  if (mutation === 'cut') return data.slice(0, place);
  if (mutation === 'zero') return data.slice().fill(0, place, place + length);
  const longer = new Uint8Array(data.length + length);
  longer.set(data);
  for (let i = data.length; i < longer.length; i++) longer[i] = random() * 256;
  return longer;
}

export function flipBits(data: Uint8Array, random: RandomNumber, count: number): Uint8Array {
  const copy = data.slice();
  for (let i = 0; i < count && copy.length > 0; i++) {
    const place = Math.floor(random() * copy.length);
    copy[place] = copy[place]! ^ (1 << Math.floor(random() * 8));
  }
  return copy;
}
