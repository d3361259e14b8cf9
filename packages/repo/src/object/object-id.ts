import { contentPrefix, isContentID, type ContentID } from '../content/content-id.ts';
import { LongshoreError } from '../errors.ts';

declare const objectIDBrand: unique symbol;
/** `{ "I" } [ "Z" ] contentID`: levels of indirection, object-layer compression, content. Never empty. */
export type ObjectID = string & { readonly [objectIDBrand]: true };

/** What an object ID says. `indirection` 0 is the content itself. */
export interface ObjectReference {
  readonly indirection: number;
  /** The content is compressed by the object layer (repositories of index version 1). */
  readonly compressed: boolean;
  readonly contentID: ContentID;
}

const LETTER_Z = 0x5a;
const OBJECT_ID = /^(I*)(Z?)D?(.*)$/;

/** The only maker of object IDs from text; the legacy marker `D` is dropped. INVALID_ARGUMENT if the grammar is not met. */
export function parseObjectID(text: string): ObjectID {
  if (text.charCodeAt(0) > LETTER_Z && isContentID(text)) return text as string as ObjectID;
  const [, levels = '', compressed = '', content = ''] = OBJECT_ID.exec(text) ?? [];
  if (!isContentID(content) || (levels !== '' && compressed !== '')) {
    throw new LongshoreError('INVALID_ARGUMENT', `not an object ID: ${JSON.stringify(text)}`);
  }
  return (levels + compressed + content) as ObjectID;
}

export function objectReference(id: ObjectID): ObjectReference {
  // Nearly every object is a content as it is, and its ID the content's: contents have no letter before `a`.
  if (id.charCodeAt(0) > LETTER_Z) {
    return { indirection: 0, compressed: false, contentID: id as string as ContentID };
  }
  const [, levels = '', compressed = '', content = ''] = OBJECT_ID.exec(id) ?? [];
  return {
    indirection: levels.length,
    compressed: compressed !== '',
    contentID: content as ContentID,
  };
}

export function makeObjectID(reference: ObjectReference): ObjectID {
  const { indirection, compressed, contentID } = reference;
  return ('I'.repeat(indirection) + (compressed ? 'Z' : '') + contentID) as ObjectID;
}

/** The ID of the index object that lists the chunks of an indirect object: one `I` less. */
export function indexObjectID(id: ObjectID): ObjectID | undefined {
  return id.startsWith('I') ? (id.slice(1) as ObjectID) : undefined;
}

/** Directories are recognised by the content prefix `k` alone. */
export function isDirectoryObjectID(id: ObjectID): boolean {
  return contentPrefix(objectReference(id).contentID) === 'k';
}
