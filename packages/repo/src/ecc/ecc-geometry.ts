import { LongshoreError } from '../errors.ts';

/** Bytes in front of each shard: its CRC-32. */
export const SHARD_CRC_LENGTH = 4;
/** Bytes in front of the input: its length. */
export const INPUT_HEADER_LENGTH = 4;

const SMALL_DATA_SHARDS = 6;
const SMALL_PARITY_SHARDS = 2;
const USUAL_DATA_SHARDS = 128;
const MAX_DATA_SHARDS = 254;

/** What an overhead percentage means. Source and table: docs/format/ecc.md. */
export interface EccParameters {
  readonly maxShardLength: number;
  readonly dataShards: number;
  readonly parityShards: number;
  /** Up to this many bytes, header included, an input is split into 6 + 2 shards. */
  readonly smallInputLimit: number;
  readonly smallStoredLimit: number;
  /** Up to this many bytes, header included, an input is one block of shorter shards. */
  readonly singleBlockInputLimit: number;
  readonly singleBlockStoredLimit: number;
}

/** Whole percents from 1 to 100; others are INVALID_ARGUMENT. */
export function eccParameters(overheadPercent: number): EccParameters {
  if (!Number.isInteger(overheadPercent) || overheadPercent < 1 || overheadPercent > 100) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `error correction overhead ${overheadPercent} is not a whole percentage from 1 to 100`,
    );
  }
  const maxShardLength = maxShardLengthFor(overheadPercent);
  const { dataShards, parityShards } = shardCounts(overheadPercent, maxShardLength);
  const shards = dataShards + parityShards;
  const smallShards = SMALL_DATA_SHARDS + SMALL_PARITY_SHARDS;
  const smallInputLimit = 2 * SHARD_CRC_LENGTH * shards;
  return {
    maxShardLength,
    dataShards,
    parityShards,
    smallInputLimit,
    smallStoredLimit:
      smallShards * (SHARD_CRC_LENGTH + Math.ceil(smallInputLimit / SMALL_DATA_SHARDS)),
    singleBlockInputLimit: dataShards * maxShardLength,
    singleBlockStoredLimit: shards * (SHARD_CRC_LENGTH + maxShardLength),
  };
}

function maxShardLengthFor(overheadPercent: number): number {
  if (overheadPercent >= 7) return 64;
  if (overheadPercent >= 4) return 128;
  return { 1: 1024, 2: 512, 3: 256 }[overheadPercent] ?? 128;
}

/** Single precision, as Kopia computes it. What the CRCs take is subtracted from the percentage first. */
function shardCounts(
  overheadPercent: number,
  maxShardLength: number,
): { dataShards: number; parityShards: number } {
  const crcPercent = (100 * SHARD_CRC_LENGTH) / maxShardLength;
  const free = Math.fround(Math.max(overheadPercent - crcPercent, 0.01));
  const parityShards = Math.floor(USUAL_DATA_SHARDS * Math.fround(free / 100));
  if (parityShards > 1) return { dataShards: USUAL_DATA_SHARDS, parityShards };
  // One parity shard would be lost with the first damage: take two and spread them over more data.
  const dataShards = Math.floor(2 * Math.fround(100 / free));
  return {
    dataShards: Math.min(Math.max(dataShards, USUAL_DATA_SHARDS), MAX_DATA_SHARDS),
    parityShards: 2,
  };
}

/** How one input is laid out. A frame is a CRC and a shard; all parity frames precede all data frames. */
export interface EccGeometry {
  readonly blocks: number;
  readonly dataShards: number;
  readonly parityShards: number;
  readonly shardLength: number;
  /** False: the last shard is cut at the end of the input and shards of zeros only are left out. */
  readonly storesPadding: boolean;
}

/** The layout of an input of this many bytes. */
export function geometryOfInput(parameters: EccParameters, inputLength: number): EccGeometry {
  const length = INPUT_HEADER_LENGTH + inputLength;
  if (length <= parameters.smallInputLimit) {
    return smallGeometry(Math.ceil(length / SMALL_DATA_SHARDS));
  }
  const { dataShards, maxShardLength } = parameters;
  return length <= parameters.singleBlockInputLimit
    ? singleBlockGeometry(parameters, Math.ceil(length / dataShards))
    : manyBlocksGeometry(parameters, Math.ceil(length / (dataShards * maxShardLength)));
}

/** The layout that a stored item of this many bytes has, if it is whole. */
export function geometryOfStored(parameters: EccParameters, storedLength: number): EccGeometry {
  const { dataShards, parityShards, maxShardLength } = parameters;
  const shards = dataShards + parityShards;
  if (storedLength <= parameters.smallStoredLimit) {
    return smallGeometry(shardLengthIn(storedLength, SMALL_DATA_SHARDS + SMALL_PARITY_SHARDS));
  }
  return storedLength <= parameters.singleBlockStoredLimit
    ? singleBlockGeometry(parameters, shardLengthIn(storedLength, shards))
    : manyBlocksGeometry(
        parameters,
        Math.ceil(storedLength / (shards * (SHARD_CRC_LENGTH + maxShardLength))),
      );
}

/** The exact stored length of an input of this many bytes. */
export function storedLengthOf(geometry: EccGeometry, inputLength: number): number {
  const { blocks, dataShards, parityShards, shardLength, storesPadding } = geometry;
  const frameLength = SHARD_CRC_LENGTH + shardLength;
  const parityLength = blocks * parityShards * frameLength;
  if (storesPadding) return parityLength + blocks * dataShards * frameLength;
  const length = INPUT_HEADER_LENGTH + inputLength;
  return parityLength + length + Math.ceil(length / shardLength) * SHARD_CRC_LENGTH;
}

function shardLengthIn(storedLength: number, shards: number): number {
  return Math.max(Math.ceil(storedLength / shards), SHARD_CRC_LENGTH + 1) - SHARD_CRC_LENGTH;
}

function smallGeometry(shardLength: number): EccGeometry {
  return {
    blocks: 1,
    dataShards: SMALL_DATA_SHARDS,
    parityShards: SMALL_PARITY_SHARDS,
    shardLength,
    storesPadding: true,
  };
}

function singleBlockGeometry(parameters: EccParameters, shardLength: number): EccGeometry {
  const { dataShards, parityShards } = parameters;
  return { blocks: 1, dataShards, parityShards, shardLength, storesPadding: true };
}

function manyBlocksGeometry(parameters: EccParameters, blocks: number): EccGeometry {
  const { dataShards, parityShards, maxShardLength } = parameters;
  return { blocks, dataShards, parityShards, shardLength: maxShardLength, storesPadding: false };
}
