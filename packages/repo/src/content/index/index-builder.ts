import { invariant, LongshoreError } from '../../errors.ts';
import type { IndexVersion } from '../../format/parameters.ts';
import { compareContentInfo, type ContentInfo } from '../content-info.ts';
import { fnv1aOfContentID } from './content-key.ts';
import { encodeIndexV1 } from './encode-index-v1.ts';
import { encodeIndexV2 } from './encode-index-v2.ts';
import { EntryTable } from './entry-table.ts';
import { createIndexRecord, infosToRecords, type IndexRecord } from './index-record.ts';

/** Kopia's limit of one index file: larger sets are split into several. */
export const MAX_ENTRIES_PER_INDEX = 16_000_000;

export interface BuildIndexOptions {
  readonly version: IndexVersion;
  /** Appended to each file: 32 random bytes where the format asks for them, see docs/format/index.md. */
  readonly randomSuffix?: Uint8Array;
  /** Default {@link MAX_ENTRIES_PER_INDEX}. */
  readonly maxEntriesPerIndex?: number;
}

const NO_BYTES = new Uint8Array();

/**
 * The index files that hold `entries`, byte for byte as Kopia lays them out. Entries come in any order;
 * of several for one content the conflict rule keeps one. No entries: an empty file in version 1, none
 * in version 2. INVALID_ARGUMENT if an entry cannot be said in this version.
 */
export function buildIndex(
  entries: Iterable<ContentInfo>,
  options: BuildIndexOptions,
): Uint8Array[] {
  return buildIndexFromRecords(infosToRecords(entries), options);
}

/** {@link buildIndex} for entries that pass through one record, of which nothing is kept. */
export function buildIndexFromRecords(
  records: Iterable<IndexRecord>,
  options: BuildIndexOptions,
): Uint8Array[] {
  const { version, randomSuffix = NO_BYTES } = options;
  const encode = version === 1 ? encodeIndexV1 : encodeIndexV2;
  const { table, sorted } = collect(records);
  const rows = uniqueRows(table, sortRows(table, sorted));
  if (rows.length === 0) return version === 1 ? [encode(table, rows, randomSuffix)] : [];
  const limit = options.maxEntriesPerIndex ?? MAX_ENTRIES_PER_INDEX;
  return splitRows(table, rows, limit).map((part) => encode(table, part, randomSuffix));
}

function collect(records: Iterable<IndexRecord>): {
  readonly table: EntryTable;
  readonly sorted: boolean;
} {
  let table: EntryTable | undefined;
  let sorted = true;
  for (const record of records) {
    table ??= new EntryTable(record.key.length);
    const row = table.append(record);
    if (sorted && row > 0) sorted = table.compareKeys(row - 1, row) <= 0;
  }
  return { table: table ?? new EntryTable(0), sorted };
}

function sortRows(table: EntryTable, sorted: boolean): Uint32Array {
  const rows = Uint32Array.from({ length: table.length }, (_, row) => row);
  if (sorted) return rows;
  // Most comparisons end within the first seven bytes of the key, which a number holds exactly: the
  // first byte is 0 or a letter.
  const heads = new Float64Array(table.length);
  for (let row = 0; row < heads.length; row++) heads[row] = keyHead(table.keyAt(row));
  return rows.sort((a, b) => heads[a]! - heads[b]! || table.compareKeys(a, b));
}

function keyHead(key: Uint8Array): number {
  let head = 0;
  for (let i = 1; i < 7; i++) head = head * 256 + (key[i] ?? 0);
  const prefix = key[0] ?? 0;
  invariant(prefix < 128, 'a content prefix is ASCII');
  return head + (prefix === 0 ? 0 : prefix - 0x60) * 2 ** 48;
}

/** Drops all but the winner of each run of equal keys. */
function uniqueRows(table: EntryTable, rows: Uint32Array): Uint32Array {
  const winner = createIndexRecord();
  const challenger = createIndexRecord();
  let count = 0;
  for (const row of rows) {
    const last = rows[count - 1];
    if (last === undefined || table.compareKeys(last, row) !== 0) {
      rows[count++] = row;
      continue;
    }
    table.read(last, winner);
    table.read(row, challenger);
    if (compareContentInfo(challenger, winner) > 0) rows[count - 1] = row;
  }
  return rows.subarray(0, count);
}

/** Parts by a hash of the content ID; empty ones are dropped. */
function splitRows(table: EntryTable, rows: Uint32Array, limit: number): Uint32Array[] {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new LongshoreError('INVALID_ARGUMENT', `${limit} entries per index`);
  }
  const partCount = Math.ceil(rows.length / limit);
  if (partCount === 1) return [rows];
  const partOf = (row: number): number => fnv1aOfContentID(table.keyAt(row)) % partCount;
  const sizes = new Uint32Array(partCount);
  for (const row of rows) sizes[partOf(row)]! += 1;
  const parts = Array.from(sizes, (size) => new Uint32Array(size));
  const filled = new Uint32Array(partCount);
  for (const row of rows) {
    const part = partOf(row);
    parts[part]![filled[part]!++] = row;
  }
  return parts.filter((part) => part.length > 0);
}
