import { ContentKeyEncoder } from './index/content-key.ts';
import type { ContentID } from './content-id.ts';

/** Keys of one chunk: its bytes are allocated at once. */
const KEYS_PER_CHUNK = 65_536;

const INITIAL_SLOTS = 1024;

/**
 * A set of content IDs of one repository, kept as binary keys in flat arrays: 17 bytes for a 16-byte hash
 * and 5 to 11 bytes of hash table, where a `Set` of strings takes over a hundred. Nothing is removed.
 */
export class ContentIDSet {
  readonly #encoder: ContentKeyEncoder = new ContentKeyEncoder();
  readonly #chunks: Uint8Array[] = [];
  #keyLength = 0;
  /** Number of the key + 1, or 0 for a free slot. Its length is a power of two, at most three quarters full. */
  #slots: Uint32Array = new Uint32Array(INITIAL_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes held. */
  get byteLength(): number {
    return this.#slots.byteLength + this.#chunks.length * KEYS_PER_CHUNK * this.#keyLength;
  }

  /** False if it was there already. RangeError for an ID of another length than those before it. */
  add(id: ContentID): boolean {
    const key = this.#encoder.encode(id);
    if (this.#size === 0) this.#keyLength = key.length;
    if (key.length !== this.#keyLength) {
      throw new RangeError(`content IDs of ${this.#keyLength} and of ${key.length} bytes in a set`);
    }
    const slot = this.#find(key);
    if (this.#slots[slot] !== 0) return false;
    this.#append(key);
    this.#slots[slot] = this.#size;
    if (this.#size * 4 > this.#slots.length * 3) this.#grow();
    return true;
  }

  has(id: ContentID): boolean {
    const key = this.#encoder.encode(id);
    return key.length === this.#keyLength && this.#slots[this.#find(key)] !== 0;
  }

  /** The slot of a key, or the free one where it would go. */
  #find(key: Uint8Array): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(key, 0, key.length) & mask;
    for (let entry = this.#slots[slot]!; entry !== 0; entry = this.#slots[slot]!) {
      if (this.#isKey(entry - 1, key)) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #isKey(index: number, key: Uint8Array): boolean {
    const chunk = this.#chunks[Math.floor(index / KEYS_PER_CHUNK)]!;
    const start = (index % KEYS_PER_CHUNK) * this.#keyLength;
    for (let i = 0; i < key.length; i++) if (chunk[start + i] !== key[i]) return false;
    return true;
  }

  #append(key: Uint8Array): void {
    const position = this.#size % KEYS_PER_CHUNK;
    if (position === 0) this.#chunks.push(new Uint8Array(KEYS_PER_CHUNK * this.#keyLength));
    this.#chunks.at(-1)!.set(key, position * this.#keyLength);
    this.#size += 1;
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < this.#size; index++) {
      const chunk = this.#chunks[Math.floor(index / KEYS_PER_CHUNK)]!;
      let slot = hashOf(chunk, (index % KEYS_PER_CHUNK) * this.#keyLength, this.#keyLength) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
    this.#slots = slots;
  }
}

/** FNV-1a over the prefix and the last twelve bytes, finished so that all bits count. Content hashes are even already. */
function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5 ^ bytes[start]!;
  for (let i = start + Math.max(1, length - 12); i < start + length; i++) {
    hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
