/**
 * The stream format of S2, which extends the Snappy framing format: chunks of
 * `type u8 || length u24 LE || payload`, the first of which names the stream. See docs/format/compression.md.
 */
export const S2_CHUNK_HEADER_LENGTH = 4;
export const S2_CHECKSUM_LENGTH = 4;
export const S2_MAX_BLOCK_LENGTH: number = 4 << 20;

export const S2_COMPRESSED_CHUNK = 0x00;
export const S2_UNCOMPRESSED_CHUNK = 0x01;
export const S2_IDENTIFIER_CHUNK = 0xff;
/** Chunks from here up to 0xfe (padding, the index, user data) are skipped; lower unknown ones are errors. */
export const S2_FIRST_SKIPPABLE_CHUNK = 0x80;

/** `S2sTwO` */
export const S2_IDENTIFIER: readonly number[] = [0x53, 0x32, 0x73, 0x54, 0x77, 0x4f];
/** `sNaPpY` */
export const SNAPPY_IDENTIFIER: readonly number[] = [0x73, 0x4e, 0x61, 0x50, 0x70, 0x59];

/** The two low bits of each element of a block. */
export const S2_LITERAL_TAG = 0;
export const S2_COPY_1_TAG = 1;
export const S2_COPY_2_TAG = 2;
export const S2_COPY_4_TAG = 3;
