import { equalBytes } from '../bytes.ts';
import { crc32 } from '../compression/crc32.ts';
import { CorruptDataError } from '../errors.ts';
import {
  eccParameters,
  geometryOfInput,
  geometryOfStored,
  INPUT_HEADER_LENGTH,
  SHARD_CRC_LENGTH,
  storedLengthOf,
  type EccGeometry,
  type EccParameters,
} from './ecc-geometry.ts';
import { ReedSolomonCode } from './reed-solomon.ts';

/** Error correction of one repository. Synchronous; its tables (some MB at most) are built on first use. */
export interface ErrorCorrection {
  /** The exact stored length of an input of this many bytes. */
  encodedLength(inputLength: number): number;
  /** Encodes to `target`, which has exactly `encodedLength(input.length)` bytes; all of them are written. */
  encodeInto(input: Uint8Array, target: Uint8Array): void;
  /**
   * The input, owned by the caller, and whether data shards had to be mended for it; damage beyond repair
   * is CORRUPT_DATA naming `what`. Parity is not looked at while the data is whole.
   */
  decode(
    stored: Uint8Array,
    what: string,
  ): { readonly data: Uint8Array; readonly repaired: boolean };
  /**
   * The bytes that `stored` had before it was damaged, data or parity; undefined if it is not damaged.
   * Damage beyond repair is CORRUPT_DATA naming `what`.
   */
  repairStored(stored: Uint8Array, what: string): Uint8Array | undefined;
  /** Where the first data shard of each block begins in `storedLength` bytes: for those who damage on purpose. */
  firstDataShards(storedLength: number): readonly number[];
}

/** Every algorithm, by Kopia's name. */
export const ECC_NAMES = ['REED-SOLOMON-CRC32'] as const;

/** `REED-SOLOMON-CRC32` at a whole percentage from 1 to 100. Source: docs/format/ecc.md. */
export function createErrorCorrection(overheadPercent: number): ErrorCorrection {
  return new ReedSolomonCrc32(eccParameters(overheadPercent));
}

class ReedSolomonCrc32 implements ErrorCorrection {
  readonly #parameters: EccParameters;
  readonly #codes = new Map<number, ReedSolomonCode>();

  constructor(parameters: EccParameters) {
    this.#parameters = parameters;
  }

  encodedLength(inputLength: number): number {
    return storedLengthOf(geometryOfInput(this.#parameters, inputLength), inputLength);
  }

  encodeInto(input: Uint8Array, target: Uint8Array): void {
    const geometry = geometryOfInput(this.#parameters, input.length);
    if (target.length !== storedLengthOf(geometry, input.length)) {
      throw new RangeError(
        `error correction: target of ${target.length} bytes for ${input.length}`,
      );
    }
    writeDataFrames(input, target, geometry);
    writeParityFrames(target, geometry, this.#codeOf(geometry));
  }

  decode(
    stored: Uint8Array,
    what: string,
  ): { readonly data: Uint8Array; readonly repaired: boolean } {
    const geometry = geometryOfStored(this.#parameters, stored.length);
    const damaged = damagedDataShards(stored, geometry);
    if (damaged.length === 0)
      return { data: this.#extract(stored, stored, geometry, what), repaired: false };
    const mended = this.#mendData(stored, geometry, damaged, what);
    const data = this.#extract(mended, stored, geometry, what);
    this.#reencode(data, stored, geometry, what);
    return { data, repaired: true };
  }

  repairStored(stored: Uint8Array, what: string): Uint8Array | undefined {
    const geometry = geometryOfStored(this.#parameters, stored.length);
    const damaged = damagedDataShards(stored, geometry);
    const mended = damaged.length === 0 ? stored : this.#mendData(stored, geometry, damaged, what);
    const encoded = this.#reencode(
      this.#extract(mended, stored, geometry, what),
      stored,
      geometry,
      what,
    );
    return equalBytes(encoded, stored) ? undefined : encoded;
  }

  firstDataShards(storedLength: number): readonly number[] {
    const geometry = geometryOfStored(this.#parameters, storedLength);
    const { blocks, dataShards } = geometry;
    return Array.from(
      { length: blocks },
      (_, block) => dataFrame(geometry, block * dataShards) + SHARD_CRC_LENGTH,
    );
  }

  /** Only two shapes exist: that of small inputs and that of all others. */
  #codeOf(geometry: EccGeometry): ReedSolomonCode {
    const { dataShards, parityShards } = geometry;
    let code = this.#codes.get(dataShards);
    if (code === undefined) {
      code = new ReedSolomonCode(dataShards, parityShards);
      this.#codes.set(dataShards, code);
    }
    return code;
  }

  /** The input within data frames that are whole. The length must be the one that makes `stored` so long. */
  #extract(
    frames: Uint8Array,
    stored: Uint8Array,
    geometry: EccGeometry,
    what: string,
  ): Uint8Array {
    const header = new Uint8Array(INPUT_HEADER_LENGTH);
    copyPlain(frames, geometry, 0, header);
    const length = new DataView(header.buffer).getUint32(0);
    if (this.encodedLength(length) !== stored.length) {
      throw new CorruptDataError(
        `${what}: error correction: an input of ${length} bytes does not take ${stored.length}`,
      );
    }
    const data = new Uint8Array(length);
    copyPlain(frames, geometry, INPUT_HEADER_LENGTH, data);
    return data;
  }

  /** All frames, left-out ones included, with the damaged data shards reconstructed. */
  #mendData(
    stored: Uint8Array,
    geometry: EccGeometry,
    damaged: readonly number[],
    what: string,
  ): Uint8Array {
    const { blocks, dataShards, parityShards } = geometry;
    const frames = new Uint8Array(blocks * (dataShards + parityShards) * frameLengthOf(geometry));
    frames.set(stored);
    const byBlock = Map.groupBy(damaged, (shard) => Math.floor(shard / dataShards));
    for (const [block, missing] of byBlock) {
      this.#mendBlock(frames, geometry, block, missing, what);
    }
    return frames;
  }

  #mendBlock(
    frames: Uint8Array,
    geometry: EccGeometry,
    block: number,
    missing: readonly number[],
    what: string,
  ): void {
    const { dataShards, parityShards, shardLength } = geometry;
    const rows: number[] = [];
    for (let row = 0; row < parityShards && rows.length < missing.length; row++) {
      const frame = parityFrame(geometry, block, row);
      if (isFrameIntact(frames, frame, shardLength)) rows.push(row);
    }
    if (rows.length < missing.length) {
      throw new CorruptDataError(
        `${what}: error correction: ${missing.length} damaged data shards in block ${block}, ` +
          `only ${rows.length} intact parity shards`,
      );
    }
    const code = this.#codeOf(geometry);
    const accumulator = code.createAccumulator(shardLength);
    const lost = new Set(missing);
    for (let column = 0; column < dataShards; column++) {
      const shard = block * dataShards + column;
      if (!lost.has(shard)) {
        accumulator.add(column, frames, dataFrame(geometry, shard) + SHARD_CRC_LENGTH);
      }
    }
    const lacks = rows.map((row) => {
      const lack = new Uint8Array(shardLength);
      accumulator.copyRow(row, lack, 0);
      const start = parityFrame(geometry, block, row) + SHARD_CRC_LENGTH;
      for (let i = 0; i < shardLength; i++) lack[i]! ^= frames[start + i]!;
      return lack;
    });
    const columns = missing.map((shard) => shard - block * dataShards);
    for (const [i, bytes] of code.solve(columns, rows, lacks).entries()) {
      frames.set(bytes, dataFrame(geometry, missing[i]!) + SHARD_CRC_LENGTH);
    }
  }

  /**
   * Encodes mended data again. Every frame of `stored` whose CRC holds must come out the same: otherwise a
   * damaged shard passed its CRC by chance and the reconstruction is wrong.
   */
  #reencode(data: Uint8Array, stored: Uint8Array, geometry: EccGeometry, what: string): Uint8Array {
    const encoded = new Uint8Array(stored.length);
    this.encodeInto(data, encoded);
    const { shardLength } = geometry;
    const frameLength = frameLengthOf(geometry);
    for (let frame = 0; frame < stored.length; frame += frameLength) {
      const end = Math.min(frame + frameLength, stored.length);
      if (
        !equalBytes(stored.subarray(frame, end), encoded.subarray(frame, end)) &&
        isFrameIntact(stored, frame, shardLength)
      ) {
        throw new CorruptDataError(`${what}: error correction: shards contradict each other`);
      }
    }
    return encoded;
  }
}

function frameLengthOf(geometry: EccGeometry): number {
  return SHARD_CRC_LENGTH + geometry.shardLength;
}

/** The offset of the frame of a parity shard. */
function parityFrame(geometry: EccGeometry, block: number, row: number): number {
  return (block * geometry.parityShards + row) * frameLengthOf(geometry);
}

/** The offset of the frame of a data shard, counted over all blocks. */
function dataFrame(geometry: EccGeometry, shard: number): number {
  return (geometry.blocks * geometry.parityShards + shard) * frameLengthOf(geometry);
}

/** Spreads header and input over the data frames. */
function writeDataFrames(input: Uint8Array, target: Uint8Array, geometry: EccGeometry): void {
  const { shardLength } = geometry;
  const header = new Uint8Array(INPUT_HEADER_LENGTH);
  new DataView(header.buffer).setUint32(0, input.length);
  const frameLength = frameLengthOf(geometry);
  let plain = 0;
  for (let frame = dataFrame(geometry, 0); frame < target.length; frame += frameLength) {
    const start = frame + SHARD_CRC_LENGTH;
    const end = Math.min(start + shardLength, target.length);
    let at = start;
    for (; plain < INPUT_HEADER_LENGTH && at < end; plain++) target[at++] = header[plain]!;
    const from = plain - INPUT_HEADER_LENGTH;
    const length = Math.min(end - at, input.length - from);
    for (let i = 0; i < length; i++) target[at + i] = input[from + i]!;
    plain += length;
    target.fill(0, at + length, end);
    writeUint32(target, frame, shardCrc(target, start, shardLength));
  }
}

function writeParityFrames(target: Uint8Array, geometry: EccGeometry, code: ReedSolomonCode): void {
  const { blocks, dataShards, parityShards, shardLength } = geometry;
  const frameLength = frameLengthOf(geometry);
  const accumulator = code.createAccumulator(shardLength);
  for (let block = 0; block < blocks; block++) {
    accumulator.reset();
    const first = dataFrame(geometry, block * dataShards) + SHARD_CRC_LENGTH;
    let column = 0;
    for (; column + 4 <= dataShards; column += 4) {
      const start = first + column * frameLength;
      if (start + 3 * frameLength + shardLength > target.length) break;
      accumulator.addFour(column, target, start, frameLength);
    }
    for (; column < dataShards; column++) {
      const start = first + column * frameLength;
      if (start >= target.length) break; // a shard of zeros adds nothing
      accumulator.add(column, target, start);
    }
    for (let row = 0; row < parityShards; row++) {
      const frame = parityFrame(geometry, block, row);
      accumulator.copyRow(row, target, frame + SHARD_CRC_LENGTH);
      writeUint32(target, frame, shardCrc(target, frame + SHARD_CRC_LENGTH, shardLength));
    }
  }
}

/** The data shards, counted over all blocks, whose CRC does not hold. Left-out ones are known zeros. */
function damagedDataShards(stored: Uint8Array, geometry: EccGeometry): readonly number[] {
  const damaged: number[] = [];
  const { shardLength } = geometry;
  const frameLength = frameLengthOf(geometry);
  let shard = 0;
  for (let frame = dataFrame(geometry, 0); frame < stored.length; frame += frameLength) {
    if (!isFrameIntact(stored, frame, shardLength)) damaged.push(shard);
    shard++;
  }
  return damaged;
}

/** Whether the CRC of a frame holds; what is cut off counts as zeros. */
function isFrameIntact(stored: Uint8Array, frame: number, shardLength: number): boolean {
  const crc =
    ((byteAt(stored, frame) << 24) |
      (byteAt(stored, frame + 1) << 16) |
      (byteAt(stored, frame + 2) << 8) |
      byteAt(stored, frame + 3)) >>>
    0;
  return crc === shardCrc(stored, frame + SHARD_CRC_LENGTH, shardLength);
}

/** The CRC of a shard, which goes on with zeros behind the end of `bytes`. */
function shardCrc(bytes: Uint8Array, start: number, shardLength: number): number {
  const end = Math.min(start + shardLength, bytes.length);
  const crc = crc32(bytes, 0, start, end);
  const cut = start + shardLength - Math.max(start, end);
  return cut === 0 ? crc : crc32(new Uint8Array(cut), crc);
}

/** Fills `target` with the plain bytes from `position` on, gathered from the data frames. */
function copyPlain(
  frames: Uint8Array,
  geometry: EccGeometry,
  position: number,
  target: Uint8Array,
): void {
  const { shardLength } = geometry;
  let plain = position;
  for (let at = 0; at < target.length;) {
    const shard = Math.floor(plain / shardLength);
    const inShard = plain - shard * shardLength;
    const start = dataFrame(geometry, shard) + SHARD_CRC_LENGTH + inShard;
    const length = Math.min(shardLength - inShard, target.length - at);
    for (let i = 0; i < length; i++) target[at + i] = byteAt(frames, start + i);
    at += length;
    plain += length;
  }
}

function byteAt(bytes: Uint8Array, index: number): number {
  return index < bytes.length ? bytes[index]! : 0;
}

function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}
