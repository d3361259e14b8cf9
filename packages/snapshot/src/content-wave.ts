import type { ContentID, ObjectChunk } from '@longshore/repo';

/** Chunks that are read together. Ample for the reader to merge neighbours, small enough to plan one ahead. */
export const MAX_WAVE_CHUNKS = 4096;

/** Bytes of the chunks that are read together; they are never in memory all at once. */
const MAX_WAVE_BYTES: number = 1024 * 1024 * 1024;

/** A chunk, and in subtypes what it is for. */
export interface WavePlace {
  readonly chunk: ObjectChunk;
  /** What the chunk's bytes come from. */
  readonly contentID: ContentID;
}

/** A bounded list of chunks whose contents are read together, each distinct one once. */
export class ContentWave<Place extends WavePlace> {
  /** In the order in which they were added. */
  readonly places: Place[] = [];
  #bytes = 0;

  get isFull(): boolean {
    return this.places.length >= MAX_WAVE_CHUNKS || this.#bytes >= MAX_WAVE_BYTES;
  }

  add(place: Place): void {
    this.places.push(place);
    this.#bytes += place.chunk.length;
  }

  byContent(): ReadonlyMap<ContentID, readonly Place[]> {
    const map = new Map<ContentID, Place[]>();
    for (const place of this.places) {
      const places = map.get(place.contentID);
      if (places === undefined) map.set(place.contentID, [place]);
      else places.push(place);
    }
    return map;
  }
}
