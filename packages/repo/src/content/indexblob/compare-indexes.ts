import { compareBytes } from '../../bytes.ts';
import type { ContentID } from '../content-id.ts';
import { createIndexRecord, recordToInfo, type IndexRecord } from '../index/index-record.ts';
import { mergeRecords } from '../index/merge-records.ts';
import type { PackIndex } from '../index/pack-index.ts';

/** Contents that are named; there may be more. */
const MAX_EXAMPLES = 20;

/** How two indexes differ, entry by entry, deleted ones included. */
export interface IndexDifferences {
  /** Entries of the first index. */
  readonly entryCount: number;
  /** Only in the first. */
  readonly missing: number;
  /** Only in the second. */
  readonly added: number;
  /** In both, but not the same. */
  readonly changed: number;
  readonly examples: readonly ContentID[];
}

export function hasDifferences({ missing, added, changed }: IndexDifferences): boolean {
  return missing + added + changed > 0;
}

/** Compares what two sets of index files say about each content by the conflict rule. */
export function compareIndexes(
  first: readonly PackIndex[],
  second: readonly PackIndex[],
): IndexDifferences {
  const counts = { entryCount: 0, missing: 0, added: 0, changed: 0 };
  const examples: ContentID[] = [];
  const others = mergeRecords(second);
  let other = next(others);
  const note = (kind: 'missing' | 'added' | 'changed', record: IndexRecord): void => {
    counts[kind] += 1;
    if (examples.length < MAX_EXAMPLES) examples.push(recordToInfo(record).contentID);
  };
  for (const record of mergeRecords(first)) {
    counts.entryCount += 1;
    while (other !== undefined && compareBytes(other.key, record.key) < 0) {
      note('added', other);
      other = next(others);
    }
    if (other === undefined || compareBytes(other.key, record.key) > 0) {
      note('missing', record);
      continue;
    }
    if (!isSameEntry(record, other)) note('changed', record);
    other = next(others);
  }
  for (; other !== undefined; other = next(others)) note('added', other);
  return { ...counts, examples };
}

function next(records: Generator<IndexRecord, void>): IndexRecord | undefined {
  return records.next().value ?? undefined;
}

const COMPARED = (Object.keys(createIndexRecord()) as (keyof IndexRecord)[]).filter(
  (name) => name !== 'key',
);

function isSameEntry(a: IndexRecord, b: IndexRecord): boolean {
  return COMPARED.every((name) => a[name] === b[name]);
}
