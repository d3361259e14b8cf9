import { invariant } from '../../errors.ts';
import type { ContentID, ContentPrefix } from '../content-id.ts';
import { compareContentInfo, type ContentInfo } from '../content-info.ts';
import { ContentKeyEncoder } from './content-key.ts';
import { EntryTable } from './entry-table.ts';
import { createIndexRecord, infoToRecord, recordToInfo, type IndexRecord } from './index-record.ts';

/** A write session commits long before this; a table beyond it is a defect of its owner. */
const MAX_PENDING_ENTRIES: number = 2 ** 24;

const INITIAL_SLOTS = 1024;
const EMPTY = 0;

/**
 * The entries that a write session has not committed yet: rows of a few dozen bytes behind a hash table
 * of row numbers, at most three quarters full. One entry per content.
 */
export class PendingIndex {
  #slots: Uint32Array = new Uint32Array(INITIAL_SLOTS);
  #table: EntryTable | undefined;
  readonly #keys: ContentKeyEncoder = new ContentKeyEncoder();
  readonly #incoming: IndexRecord = createIndexRecord();
  readonly #existing: IndexRecord = createIndexRecord();

  get size(): number {
    return this.#table?.length ?? 0;
  }

  /** Bytes held, without the names of packs. */
  get byteSize(): number {
    return this.#slots.byteLength + (this.#table?.byteSize ?? 0);
  }

  /** Adds an entry, or lets the conflict rule choose between it and the one that is there. The content's row from now on. */
  put(info: ContentInfo): number {
    const record = this.#incoming;
    infoToRecord(info, this.#keys.encode(info.contentID), record);
    const table = (this.#table ??= new EntryTable(record.key.length));
    const slot = this.#slotOf(table, record.key);
    const stored = this.#slots[slot]!;
    if (stored !== EMPTY) {
      table.read(stored - 1, this.#existing);
      if (compareContentInfo(record, this.#existing) > 0) table.set(stored - 1, record);
      return stored - 1;
    }
    invariant(table.length < MAX_PENDING_ENTRIES, 'too many index entries are pending');
    const row = table.append(record);
    this.#slots[slot] = row + 1;
    if (table.length * 4 > this.#slots.length * 3) this.#grow(table);
    return row;
  }

  /** What now stands in a row that `put` gave. */
  entryAt(row: number): ContentInfo {
    invariant(this.#table !== undefined && row < this.#table.length, 'there is no such row');
    const record = createIndexRecord();
    this.#table.read(row, record);
    return recordToInfo(record);
  }

  hasKey(key: Uint8Array): boolean {
    const table = this.#table;
    if (table === undefined || key.length !== table.keySize) return false;
    return this.#slots[this.#slotOf(table, key)] !== EMPTY;
  }

  find(id: ContentID): ContentInfo | undefined {
    const table = this.#table;
    if (table === undefined) return undefined;
    const stored = this.#slots[this.#slotOf(table, this.#keys.encode(id))]!;
    if (stored === EMPTY) return undefined;
    const record = createIndexRecord();
    table.read(stored - 1, record);
    return recordToInfo(record, id);
  }

  /** In the order in which contents were first put; with `prefix` those that have it, without looking closer at others. */
  *entries(prefix?: ContentPrefix): Generator<ContentInfo, void> {
    const table = this.#table;
    const wanted = prefix === undefined || prefix === '' ? 0 : prefix.charCodeAt(0);
    const record = createIndexRecord();
    for (let row = 0; row < this.size; row++) {
      if (prefix !== undefined && table?.prefixAt(row) !== wanted) continue;
      table?.read(row, record);
      yield recordToInfo(record);
    }
  }

  /** The same as one reused record, valid until the next step. */
  *records(): Generator<IndexRecord, void> {
    const record = createIndexRecord();
    for (let row = 0; row < this.size; row++) {
      this.#table?.read(row, record);
      yield record;
    }
  }

  [Symbol.iterator](): Generator<ContentInfo, void> {
    return this.entries();
  }

  clear(): void {
    this.#slots = new Uint32Array(INITIAL_SLOTS);
    this.#table = undefined;
  }

  /** The slot that holds `key`, or the free one where it belongs. */
  #slotOf(table: EntryTable, key: Uint8Array): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOfKey(key) & mask; ; slot = (slot + 1) & mask) {
      const stored = this.#slots[slot]!;
      if (stored === EMPTY || table.isKeyAt(stored - 1, key)) return slot;
    }
  }

  #grow(table: EntryTable): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let row = 0; row < table.length; row++) {
      this.#slots[this.#slotOf(table, table.keyAt(row))] = row + 1;
    }
  }
}

/** The key is a keyed hash already; the multiplication only mixes prefix and low bits. */
function hashOfKey(key: Uint8Array): number {
  let word = key[0]!;
  for (let i = 1; i < key.length; i++) word = Math.imul(word ^ key[i]!, 0x01000193);
  return (word ^ (word >>> 15)) >>> 0;
}
