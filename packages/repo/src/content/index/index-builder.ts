import { invariant, LongshoreError } from '../../errors.ts';
import type { IndexVersion } from '../../format/parameters.ts';
import { compareContentInfo, type ContentInfo } from '../content-info.ts';
import { fnv1aOfContentID } from './content-key.ts';
import { encodeIndexV1 } from './encode-index-v1.ts';
import { encodeIndexV2 } from './encode-index-v2.ts';
import { surveyEntries, type RecordSource } from './entry-survey.ts';
import { EntryTable } from './entry-table.ts';
import { createIndexRecord, infosToRecords, type IndexRecord } from './index-record.ts';

/** Kopia's limit of one index file: larger sets are split into several. */
const MAX_ENTRIES_PER_INDEX = 16_000_000;

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
  const { table, sorted } = collect(records);
  const rows = uniqueRows(table, sortRows(table, sorted));
  return buildIndexFromSorted(() => readRows(table, rows), options);
}

/**
 * {@link buildIndex} for entries in key order, one per content. They are gone through several times, and
 * nothing but the result is held in memory.
 */
export function buildIndexFromSorted(
  source: RecordSource,
  options: BuildIndexOptions,
): Uint8Array[] {
  const {
    version,
    randomSuffix = NO_BYTES,
    maxEntriesPerIndex: limit = MAX_ENTRIES_PER_INDEX,
  } = options;
  if (!Number.isInteger(limit) || limit < 1) {
    throw new LongshoreError('INVALID_ARGUMENT', `${limit} entries per index`);
  }
  const encode = version === 1 ? encodeIndexV1 : encodeIndexV2;
  const survey = surveyEntries(source);
  if (survey.count === 0 && version === 2) return [];
  if (survey.count <= limit) return [encode(source, survey, randomSuffix)];
  return partsOf(source, Math.ceil(survey.count / limit)).map((part) =>
    encode(part, surveyEntries(part), randomSuffix),
  );
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

function* readRows(table: EntryTable, rows: Uint32Array): Generator<IndexRecord, void> {
  const record = createIndexRecord();
  for (const row of rows) {
    table.read(row, record);
    yield record;
  }
}

/** Parts by a hash of the content ID; empty ones are left out. */
function partsOf(source: RecordSource, partCount: number): RecordSource[] {
  const sizes = new Uint32Array(partCount);
  for (const { key } of source()) sizes[fnv1aOfContentID(key) % partCount]! += 1;
  const parts: RecordSource[] = [];
  for (const [part, size] of sizes.entries()) {
    if (size > 0) parts.push(() => selectPart(source(), part, partCount));
  }
  return parts;
}

function* selectPart(
  records: Iterable<IndexRecord>,
  part: number,
  partCount: number,
): Generator<IndexRecord, void> {
  for (const record of records) {
    if (fnv1aOfContentID(record.key) % partCount === part) yield record;
  }
}
