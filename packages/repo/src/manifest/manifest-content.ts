import { encodeUtf8 } from '../bytes.ts';
import { formatGoTime, parseGoTime, type EpochNanoseconds } from '../clock.ts';
import type { CompressorTable } from '../compression/compressor-table.ts';
import { CorruptDataError, invariant } from '../errors.ts';
import {
  encodeGoJSON,
  encodeGoString,
  field,
  parseGoJSON,
  sortedRecord,
} from '../format/go-json.ts';
import type { Labels, ManifestID } from '../repository-contract.ts';
import { isManifestID } from './manifest-id.ts';

/** Decompressed bytes of one manifest content; Kopia's largest are some megabytes. */
const MAX_CONTENT_LENGTH = 512 * 1024 * 1024;

/** One entry as a manifest content stores it; a later `modified` replaces an earlier one of the same ID. */
export interface StoredManifest {
  readonly id: ManifestID;
  readonly labels: Labels;
  readonly modified: EpochNanoseconds;
  /** A tombstone: hides what is older. */
  readonly deleted: boolean;
  /** Compact JSON of the payload; `null` for tombstones. */
  readonly payload: string;
}

/** The plaintext of a content with prefix `m`: gzip of JSON. Source: docs/format/manifest.md. */
export function encodeManifestContent(
  entries: Iterable<StoredManifest>,
  compressors: CompressorTable,
): Uint8Array {
  const texts: string[] = [];
  for (const entry of entries) texts.push(encodeEntry(entry));
  const { compress } = compressors.byName('gzip');
  invariant(compress !== undefined, 'gzip can be written on every platform');
  return compress(encodeUtf8(`{"entries":[${texts.join(',')}]}\n`));
}

function encodeEntry({ id, labels, modified, deleted, payload }: StoredManifest): string {
  const labelsText = deleted ? 'null' : encodeGoJSON(sortedRecord(labels));
  return (
    `{"id":${encodeGoString(id)},"labels":${labelsText},"modified":"${formatGoTime(modified)}",` +
    `${deleted ? '"deleted":true,' : ''}"data":${payload}}`
  );
}

/** CORRUPT_DATA naming `what` if it is not gzip, not JSON, or an entry lacks what it needs. */
export function parseManifestContent(
  content: Uint8Array,
  compressors: CompressorTable,
  what: string,
): readonly StoredManifest[] {
  const json = compressors.byName('gzip').decompress(content, MAX_CONTENT_LENGTH, what);
  const entries = field(parseGoJSON(json, what), 'entries') ?? [];
  if (!Array.isArray(entries)) throw new CorruptDataError(`${what}: entries is not a list`);
  return entries.map((entry: unknown) => parseEntry(entry, what));
}

function parseEntry(entry: unknown, what: string): StoredManifest {
  const id = field(entry, 'id');
  const modified = field(entry, 'modified');
  if (typeof id !== 'string' || !isManifestID(id)) {
    throw new CorruptDataError(`${what}: not a manifest ID: ${JSON.stringify(id)}`);
  }
  if (typeof modified !== 'string') throw new CorruptDataError(`${what}: ${id} has no time`);
  return {
    id,
    labels: parseLabels(field(entry, 'labels'), `${what}: ${id}`),
    modified: parseGoTime(modified, `${what}: ${id}: modified`),
    deleted: field(entry, 'deleted') === true,
    payload: encodeGoJSON(field(entry, 'data') ?? null),
  };
}

function parseLabels(value: unknown, what: string): Labels {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new CorruptDataError(`${what}: labels is not an object`);
  }
  const labels = Object.entries(value);
  const wrong = labels.find(([, text]) => typeof text !== 'string');
  if (wrong !== undefined) throw new CorruptDataError(`${what}: label ${wrong[0]} is not text`);
  return Object.fromEntries(labels) as Labels;
}
