import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { GoldenTreeEntry } from './golden.ts';

const PERMISSION_BITS = 0o7777;

/**
 * Every entry of a local tree, its root as `.`, sorted by path: what `trees` of a golden repository holds. Bytes of a
 * name or target that are not valid UTF-8 are shown as U+FFFD each. FIFOs, sockets and devices are left out.
 */
export async function describeTree(root: string): Promise<readonly GoldenTreeEntry[]> {
  const entries: GoldenTreeEntry[] = [];
  await describeEntry(Buffer.from(root), '.', entries);
  return sortedTree(entries);
}

export function sortedTree(tree: readonly GoldenTreeEntry[]): readonly GoldenTreeEntry[] {
  return [...tree].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function describeEntry(path: Buffer, shown: string, into: GoldenTreeEntry[]): Promise<void> {
  const stats = lstatSync(path, { bigint: true });
  if (stats.isSymbolicLink()) {
    const target = readlinkSync(path, { encoding: 'buffer' }).toString();
    into.push({ ...attributes(stats), path: shown, type: 'symlink', target });
  } else if (stats.isFile()) {
    const sha256 = await hashFile(path);
    into.push({
      ...attributes(stats),
      path: shown,
      type: 'file',
      size: Number(stats.size),
      sha256,
    });
  } else if (stats.isDirectory()) {
    into.push({ ...attributes(stats), path: shown, type: 'dir' });
    for (const name of readdirSync(path, { encoding: 'buffer' })) {
      const child = Buffer.concat([path, Buffer.from('/'), name]);
      const below = shown === '.' ? name.toString() : `${shown}/${name.toString()}`;
      await describeEntry(child, below, into);
    }
  }
}

function attributes(stats: BigIntStats): Pick<GoldenTreeEntry, 'mode' | 'uid' | 'gid' | 'mtimeNs'> {
  return {
    mode: `0o${(Number(stats.mode) & PERMISSION_BITS).toString(8)}`,
    mtimeNs: stats.mtimeNs.toString(),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
  };
}

async function hashFile(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * What a tree looks like after Kopia restored it: below the root it gives directories the newest time of what is in
 * them, and rounds times of symlinks up to microseconds. Times that it does not keep are left out.
 */
export function asKopiaRestores(tree: readonly GoldenTreeEntry[]): readonly GoldenTreeEntry[] {
  return tree.map((entry) => {
    if (entry.type === 'dir' && entry.path !== '.') return { ...entry, mtimeNs: 'any' };
    if (entry.type !== 'symlink') return entry;
    const microseconds = (BigInt(entry.mtimeNs) + 999n) / 1000n;
    return { ...entry, mtimeNs: (microseconds * 1000n).toString() };
  });
}
