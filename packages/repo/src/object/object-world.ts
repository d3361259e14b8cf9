import { createSplitter, isSplitterName, type Splitter } from '@longshore/chunker';
import {
  createContentWorld,
  type ContentWorld,
  type ContentWorldOptions,
} from '../content/content-world.ts';
import type { SessionContents } from '../content/session-contents.ts';
import type { ObjectReaderEnvironment } from './object-reader.ts';
import { slotSizeFor, type ObjectWriterEnvironment } from './object-writer.ts';

export interface ObjectWorldOptions extends ContentWorldOptions {
  /** Bytes of a chunk of the repository's splitter; below some 300, index objects would not get shorter. Default 400. */
  readonly chunkSize?: number;
  readonly slotCount?: number;
}

/** For tests: objects over contents in memory. */
export interface ObjectWorld {
  readonly world: ContentWorld;
  readonly contents: SessionContents;
  readonly environment: ObjectWriterEnvironment;
  /** Another client's view of what is committed. */
  openReader(): Promise<ObjectReaderEnvironment>;
}

/**
 * Objects are cut every `chunkSize` bytes. Other splitters are Kopia's by name, `hundred`, and `marked`, which
 * cuts after a byte that is a multiple of 16, at 10 to 200 bytes.
 */
export async function createObjectWorld(options: ObjectWorldOptions = {}): Promise<ObjectWorld> {
  const { chunkSize = 400, slotCount = 4 } = options;
  const world = await createContentWorld(options);
  const slotSize = slotSizeFor({ maxSegmentSize: Math.max(chunkSize, MAX_MARKED) });
  const client = await world.openClient({ slotSize, slotCount });
  const contents = client.newWriter();
  return {
    world,
    contents,
    environment: {
      contents,
      compressors: client.compressors,
      createSplitter: (name) => {
        if (name === 'marked') return markedSplitter();
        if (name === 'hundred') return fixedSplitter(100);
        if (name !== undefined && isSplitterName(name)) return createSplitter(name);
        return fixedSplitter(chunkSize);
      },
    },
    async openReader() {
      const { committed, compressors } = await world.openClient();
      return { contents: committed, compressors };
    },
  };
}

function fixedSplitter(size: number): Splitter {
  return smallSplitter(size, size, () => false);
}

const MIN_MARKED = 10;
const MAX_MARKED = 200;

export function markedSplitter(): Splitter {
  return smallSplitter(MIN_MARKED, MAX_MARKED, (byte) => byte % 16 === 0);
}

function smallSplitter(min: number, max: number, isMark: (byte: number) => boolean): Splitter {
  let length = 0;
  return {
    minSegmentSize: min,
    maxSegmentSize: max,
    nextSplitPoint(data) {
      for (const [index, byte] of data.entries()) {
        length++;
        if (length < max && (length < min || !isMark(byte))) continue;
        length = 0;
        return index + 1;
      }
      return -1;
    },
    reset() {
      length = 0;
    },
  };
}
