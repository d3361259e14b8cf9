export type { AbortOptions, ByteRange } from './blob/storage.ts';
export { compareBytes, concatBytes, encodeHex, encodeUtf8, equalBytes } from './bytes.ts';
export {
  formatGoTime,
  NANOSECONDS_PER_SECOND,
  parseGoTime,
  type Clock,
  type EpochNanoseconds,
} from './clock.ts';
export { COMPRESSION_HEADER_IDS, type CompressorName } from './compression/compressor.ts';
export { CorruptDataError, errorCode, hasCode, invariant, LongshoreError } from './errors.ts';
export {
  encodeGoJSON,
  encodeGoString,
  field,
  GoRawJSON,
  parseGoJSON,
  sortedRecord,
} from './format/go-json.ts';
export { decodeGoUtf8 } from './format/go-utf8.ts';
export { isDirectoryObjectID, parseObjectID, type ObjectID } from './object/object-id.ts';
export type {
  Labels,
  Manifest,
  ManifestEntry,
  ManifestID,
  ObjectReader,
  Repository,
  RepositoryWriter,
} from './repository-contract.ts';
