const INITIAL_ENTRIES = 1024;
const LETTER_I = 0x49;
const LETTER_Z = 0x5a;
const ZERO = 0x30;
/** From the code of a letter to its value as a digit. */
const LETTER_A_MINUS_TEN = 0x57;
/** Levels of indirection, compression, and the prefix of the content. */
const HEAD_LENGTH = 2;
const MAX_KEY_LENGTH = 70;

/**
 * A number for each of the last objects or contents that were set, at most `limit`: the oldest is forgotten first. IDs are
 * kept as binary keys in flat arrays, some 35 bytes with 16-byte hashes where a `Map` of texts takes over a hundred. All have the
 * length of the first; others are not remembered.
 */
export class RecentLengths {
  readonly #limit: number;
  readonly #key: Uint8Array = new Uint8Array(MAX_KEY_LENGTH);
  #keyLength = 0;
  /** Rings of entries: number `n` ever set lies at `n % capacity`. */
  #keys: Uint8Array = new Uint8Array(0);
  #values: Float64Array = new Float64Array(0);
  /** Place of the entry + 1, or 0 for a free slot. A power of two, at most half full. */
  #slots: Uint32Array = new Uint32Array(0);
  #count = 0;
  /** Of the oldest. */
  #first = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(id: string): number | undefined {
    if (!this.#encode(id) || this.#count === 0) return undefined;
    const place = this.#slots[this.#slotOf()]!;
    return place === 0 ? undefined : this.#values[place - 1];
  }

  set(id: string, value: number): void {
    if (!this.#encode(id)) return;
    const known = this.#count === 0 ? 0 : this.#slots[this.#slotOf()]!;
    if (known !== 0) {
      this.#values[known - 1] = value;
      return;
    }
    if (this.#count === this.#limit) this.#forgetOldest();
    else if (this.#count === this.#values.length) this.#grow();
    const place = (this.#first + this.#count) % this.#values.length;
    this.#keys.set(this.#key.subarray(0, this.#keyLength), place * this.#keyLength);
    this.#values[place] = value;
    this.#count += 1;
    this.#slots[this.#slotOf()] = place + 1;
  }

  /** Writes the key of an ID; false if it has not the length that the others have. */
  #encode(id: string): boolean {
    const key = this.#key;
    let at = 0;
    while (id.charCodeAt(at) === LETTER_I) at += 1;
    key[0] = at * 2;
    if (id.charCodeAt(at) === LETTER_Z) {
      key[0] += 1;
      at += 1;
    }
    const isPrefixed = (id.length - at) % 2 === 1;
    key[1] = isPrefixed ? id.charCodeAt(at++) : 0;
    const length = HEAD_LENGTH + (id.length - at) / 2;
    if (this.#keyLength === 0) this.#keyLength = Math.min(length, MAX_KEY_LENGTH);
    if (length !== this.#keyLength || at > 100) return false;
    for (let i = HEAD_LENGTH; i < length; i++, at += 2) {
      key[i] = (hexDigit(id.charCodeAt(at)) << 4) | hexDigit(id.charCodeAt(at + 1));
    }
    return true;
  }

  /** Of the entry with the current key, or the free one where it would go. */
  #slotOf(): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(this.#key, 0, this.#keyLength) & mask;
    for (let place = slots[slot]!; place !== 0; place = slots[slot]!) {
      if (this.#isKey(place - 1)) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #isKey(place: number): boolean {
    const start = place * this.#keyLength;
    for (let i = 0; i < this.#keyLength; i++)
      if (this.#keys[start + i] !== this.#key[i]) return false;
    return true;
  }

  /** Frees its slot and moves those behind it up, so that none is cut off from where its search begins. */
  #forgetOldest(): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let free = this.#homeOf(this.#first);
    while (slots[free] !== this.#first + 1) free = (free + 1) & mask;
    for (let slot = (free + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#homeOf(slots[slot]! - 1);
      if (((slot - home) & mask) < ((slot - free) & mask)) continue;
      slots[free] = slots[slot]!;
      free = slot;
    }
    slots[free] = 0;
    this.#first = (this.#first + 1) % this.#values.length;
    this.#count -= 1;
  }

  #homeOf(place: number): number {
    const start = place * this.#keyLength;
    return hashOf(this.#keys, start, this.#keyLength) & (this.#slots.length - 1);
  }

  /** Nothing was forgotten yet: entries lie in the order in which they came. */
  #grow(): void {
    const capacity = Math.min(this.#limit, Math.max(INITIAL_ENTRIES, this.#values.length * 2));
    const keys = new Uint8Array(capacity * this.#keyLength);
    keys.set(this.#keys);
    const values = new Float64Array(capacity);
    values.set(this.#values);
    this.#keys = keys;
    this.#values = values;
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * capacity)));
    const mask = this.#slots.length - 1;
    for (let place = 0; place < this.#count; place++) {
      let slot = this.#homeOf(place);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = place + 1;
    }
  }
}

function hexDigit(code: number): number {
  return code < LETTER_A_MINUS_TEN ? code - ZERO : code - LETTER_A_MINUS_TEN;
}

function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
