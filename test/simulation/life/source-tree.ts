import type { DirectoryEntry, Entry } from '@longshore/snapshot';
import { MemorySource } from '../../../packages/snapshot/src/upload/memory-source.ts';
import type { Chance } from './virtual-world.ts';

export interface SourceFile {
  readonly bytes: Uint8Array;
  readonly mtime: bigint;
}

/** Files by path, with slashes between names. */
export type SourceTree = ReadonlyMap<string, SourceFile>;

const MEBIBYTE = 1024 * 1024;

/** So few that writers often have the same as others, or as what was deleted long ago. */
const SHARED_TEXTS = 40;

const DIRECTORIES = ['', 'a/', 'b/', 'a/c/'];
const MOST_FILES = 14;

/** Makes files; the same number gives the same bytes, so that contents come back and are shared. */
export class SourceFiles {
  readonly #texts = new Map<number, Uint8Array>();
  readonly #chance: Chance;
  #nextUnique = SHARED_TEXTS;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Some files added, changed and removed. Each change has its own time, by which uploads notice it. */
  changed(tree: SourceTree, mtime: bigint): SourceTree {
    const chance = this.#chance;
    const files = new Map(tree);
    const changes = 1 + chance.below(4);
    for (let change = 0; change < changes; change++) {
      const name = `${chance.pick(DIRECTORIES)}f${chance.below(MOST_FILES / 2)}`;
      if (files.size > 1 && chance.happens(0.2)) files.delete(name);
      else files.set(name, { bytes: this.#bytes(), mtime: mtime + BigInt(change) });
    }
    return files;
  }

  #bytes(): Uint8Array {
    const chance = this.#chance;
    if (chance.happens(0.6)) return this.#text(chance.below(SHARED_TEXTS));
    return this.#text(this.#nextUnique++);
  }

  #text(number: number): Uint8Array {
    const known = this.#texts.get(number);
    if (known !== undefined) return known;
    const bytes = new Uint8Array(this.#length());
    let state = this.#chance.below(2 ** 32);
    for (let index = 0; index < bytes.length; index++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[index] = state >>> 24;
    }
    this.#texts.set(number, bytes);
    return bytes;
  }

  #length(): number {
    const chance = this.#chance;
    if (chance.happens(0.002)) return 11 * MEBIBYTE;
    if (chance.happens(0.02)) return MEBIBYTE + chance.below(2 * MEBIBYTE);
    return chance.happens(0.1) ? chance.below(200_000) : chance.below(3_000);
  }
}

/** The tree for an upload; listing a directory takes as long as `pause` does. */
export function sourceEntry(tree: SourceTree, pause: () => Promise<void>): DirectoryEntry {
  const source = new MemorySource();
  const directory = (name: string, prefix: string): DirectoryEntry => {
    const children: Entry[] = [];
    const below = new Set<string>();
    for (const [path, { bytes, mtime }] of tree) {
      if (!path.startsWith(prefix)) continue;
      const [first, ...rest] = path.slice(prefix.length).split('/');
      if (rest.length === 0) children.push(source.file(first!, bytes, { mtime }));
      else below.add(first!);
    }
    for (const child of below) children.push(directory(child, `${prefix}${child}/`));
    return {
      ...source.directory(name, children),
      readChildren: async () => {
        await pause();
        return children;
      },
    };
  };
  return directory('root', '');
}
