import { LongshoreError } from '@longshore/repo';
import { ArchiveOutput } from './archive-output.ts';
import type { ArchiveSink } from './archive-sink.ts';
import type { ArchivedFile, ArchiveWriter } from './archive-writer.ts';
import { encodeTarHeader, TAR_RECORD_LENGTH, tarPadding, type TarMember } from './tar-header.ts';

/** The root's own directory is no member, directories end in a slash and come before what they hold, as in Kopia's. */
export function createTarOutput(sink: ArchiveSink): ArchiveOutput {
  return new ArchiveOutput(new TarWriter(sink), sink);
}

class TarWriter implements ArchiveWriter {
  readonly #sink: ArchiveSink;
  #broken: LongshoreError | undefined;

  constructor(sink: ArchiveSink) {
    this.#sink = sink;
  }

  async directory(path: string, attributes: TarMember['attributes']): Promise<void> {
    await this.#header({ type: 'd', path: `${path}/`, attributes, size: 0 });
  }

  async symlink(
    path: string,
    linkTarget: Uint8Array,
    attributes: TarMember['attributes'],
  ): Promise<void> {
    await this.#header({ type: 's', path, attributes, size: 0, linkTarget });
  }

  async file(
    path: string,
    attributes: Parameters<ArchiveWriter['file']>[1],
  ): Promise<ArchivedFile> {
    const { size } = attributes;
    await this.#header({ type: 'f', path, attributes, size });
    return {
      write: (data) => this.#sink.write(data),
      end: () => this.#sink.write(tarPadding(size)),
      drop: async () => {
        this.#broken = broken(path);
        throw this.#broken;
      },
    };
  }

  async end(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    await this.#sink.write(new Uint8Array(2 * TAR_RECORD_LENGTH));
  }

  async #header(member: TarMember): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    await this.#sink.write(encodeTarHeader(member));
  }
}

/** The length of a file stands in front of it: half of one would make the rest of the archive unreadable. */
function broken(path: string): LongshoreError {
  return new LongshoreError(
    'TARGET_UNWRITABLE',
    `${path}: a part of it is lost, and a tar archive cannot go on after half a file; restore to a folder or a zip`,
    { path },
  );
}
