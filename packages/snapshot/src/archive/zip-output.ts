import { crc32, LongshoreError } from '@longshore/repo';
import type { OutputAttributes, OutputFileAttributes } from '../restore/restore-output.ts';
import { ArchiveOutput } from './archive-output.ts';
import { StreamedBytes, type ArchiveSink } from './archive-sink.ts';
import type { ArchivedFile, ArchiveWriter } from './archive-writer.ts';
import {
  encodeCentralHeader,
  encodeDataDescriptor,
  encodeEndOfDirectory,
  encodeLocalHeader,
  MAX_ZIP_NAME_LENGTH,
  ZIP_DEFLATE,
  ZIP_STORE,
  zipName,
  type ZipMember,
} from './zip-records.ts';

/** Headers are gathered into pieces of so many bytes. */
const DIRECTORY_PIECE = 1024 * 1024;

/**
 * Files, directories and symlinks; Kopia's archives hold files only. `compress` false stores files as they are. Memory:
 * the archive's directory, some 70 bytes and the path for each member.
 */
export function createZipOutput(
  sink: ArchiveSink,
  options: { readonly compress: boolean } = { compress: true },
): ArchiveOutput {
  return new ArchiveOutput(new ZipWriter(sink, options.compress), sink);
}

class ZipWriter implements ArchiveWriter {
  readonly #sink: ArchiveSink;
  readonly #compress: boolean;
  readonly #directory: DirectoryPieces = new DirectoryPieces();
  #offset = 0;

  constructor(sink: ArchiveSink, compress: boolean) {
    this.#sink = sink;
    this.#compress = compress;
  }

  async directory(path: string, attributes: OutputAttributes): Promise<void> {
    await this.#small({ type: 'd', path: `${path}/`, attributes }, new Uint8Array());
  }

  async symlink(path: string, target: Uint8Array, attributes: OutputAttributes): Promise<void> {
    await this.#small({ type: 's', path, attributes }, target);
  }

  async file(path: string, attributes: OutputFileAttributes): Promise<ArchivedFile> {
    const method = this.#compress ? ZIP_DEFLATE : ZIP_STORE;
    const { size } = attributes;
    const member = await this.#begin({ type: 'f', path, attributes, method, size });
    return new ZipFile(member, {
      write: (data) => this.#write(data),
      record: (header) => this.#directory.add(header),
    });
  }

  async end(): Promise<void> {
    const offset = this.#offset;
    const { count } = this.#directory;
    for (const piece of this.#directory.pieces()) await this.#write(piece);
    const length = this.#offset - offset;
    await this.#write(encodeEndOfDirectory({ count, length, offset }));
  }

  /** A member whose content is at hand. */
  async #small(
    entry: Pick<ZipMember, 'type' | 'attributes'> & { readonly path: string },
    data: Uint8Array,
  ): Promise<void> {
    const member = await this.#begin({ ...entry, method: ZIP_STORE, size: data.length });
    await this.#write(data);
    const content = { crc: crc32(data), compressedSize: data.length, size: data.length };
    await this.#write(encodeDataDescriptor(member, content));
    this.#directory.add(encodeCentralHeader(member, content));
  }

  async #begin(
    entry: Omit<ZipMember, 'name' | 'offset'> & { readonly path: string },
  ): Promise<ZipMember> {
    const name = zipName(entry.path);
    if (name.length > MAX_ZIP_NAME_LENGTH) {
      throw new LongshoreError('TARGET_UNWRITABLE', 'a path is too long for a zip archive', {
        path: entry.path,
      });
    }
    const member = { ...entry, name, offset: this.#offset };
    await this.#write(encodeLocalHeader(member));
    return member;
  }

  async #write(data: Uint8Array): Promise<void> {
    this.#offset += data.length;
    await this.#sink.write(data);
  }
}

interface ZipTarget {
  write(data: Uint8Array): Promise<void>;
  /** Adds a header to the archive's directory. */
  record(header: Uint8Array): void;
}

class ZipFile implements ArchivedFile {
  readonly #member: ZipMember;
  readonly #archive: ZipTarget;
  readonly #deflated: StreamedBytes | undefined;
  #crc = 0;
  #size = 0;
  #compressedSize = 0;

  constructor(member: ZipMember, archive: ZipTarget) {
    this.#member = member;
    this.#archive = archive;
    if (member.method !== ZIP_DEFLATE) return;
    this.#deflated = new StreamedBytes('deflate-raw', (data) => this.#store(data));
  }

  async write(data: Uint8Array): Promise<void> {
    this.#crc = crc32(data, this.#crc);
    this.#size += data.length;
    if (this.#deflated === undefined) await this.#store(data);
    else await this.#deflated.write(data);
  }

  async end(): Promise<void> {
    await this.#deflated?.end();
    const content = { crc: this.#crc, compressedSize: this.#compressedSize, size: this.#size };
    await this.#archive.write(encodeDataDescriptor(this.#member, content));
    this.#archive.record(encodeCentralHeader(this.#member, content));
  }

  /** What the directory does not list is not in the archive: its bytes are but a gap. */
  async drop(): Promise<void> {
    await this.#deflated?.abort();
  }

  async #store(data: Uint8Array): Promise<void> {
    this.#compressedSize += data.length;
    await this.#archive.write(data);
  }
}

/** The archive's directory, gathered into few buffers. */
class DirectoryPieces {
  readonly #full: Uint8Array[] = [];
  #piece: Uint8Array = new Uint8Array(DIRECTORY_PIECE);
  #filled = 0;
  count = 0;

  add(header: Uint8Array): void {
    if (this.#filled + header.length > this.#piece.length) {
      this.#full.push(this.#piece.subarray(0, this.#filled));
      this.#piece = new Uint8Array(DIRECTORY_PIECE);
      this.#filled = 0;
    }
    this.#piece.set(header, this.#filled);
    this.#filled += header.length;
    this.count += 1;
  }

  *pieces(): Generator<Uint8Array, void, void> {
    yield* this.#full;
    yield this.#piece.subarray(0, this.#filled);
  }
}
