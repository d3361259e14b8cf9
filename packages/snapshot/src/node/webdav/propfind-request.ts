import { HttpFailure } from './http-failure.ts';
import { parseXmlElements, XmlError, type XmlElement, type XmlName } from './xml-elements.ts';

/** The namespace of WebDAV's own elements and properties. */
export const DAV = 'DAV:';

/** What a PROPFIND wants to know: everything, the names alone, or these properties. */
export type PropfindRequest =
  | { readonly kind: 'all' | 'names' }
  | { readonly kind: 'some'; readonly properties: readonly XmlName[] };

/** Reads the body of a PROPFIND; an empty one asks for everything. HttpFailure 400 if it is no such request. */
export function parsePropfind(body: Uint8Array): PropfindRequest {
  const text = decodeXml(body);
  if (text.trim() === '') return { kind: 'all' };
  const { namespace, name, children } = parseXml(text);
  if (namespace !== DAV || name !== 'propfind') throw badBody('it is no propfind');
  const wanted = children.filter(
    (child) => child.namespace === DAV && ['allprop', 'propname', 'prop'].includes(child.name),
  );
  const [first, ...others] = wanted;
  if (first === undefined || others.length > 0) {
    throw badBody('it must have one of allprop, propname and prop');
  }
  if (first.name === 'allprop') return { kind: 'all' };
  if (first.name === 'propname') return { kind: 'names' };
  return { kind: 'some', properties: distinct(first.children) };
}

/** UTF-8, or UTF-16 if a byte order mark says so. */
function decodeXml(body: Uint8Array): string {
  const [first, second] = body;
  const encoding =
    first === 0xff && second === 0xfe
      ? 'utf-16le'
      : first === 0xfe && second === 0xff
        ? 'utf-16be'
        : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(body);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw badBody(`it is not ${encoding.toUpperCase()}`);
  }
}

function parseXml(text: string): XmlElement {
  try {
    return parseXmlElements(text);
  } catch (error) {
    if (error instanceof XmlError) throw badBody(error.message);
    throw error;
  }
}

function distinct(names: readonly XmlName[]): readonly XmlName[] {
  return [...new Map(names.map((one) => [`${one.namespace} ${one.name}`, one])).values()];
}

function badBody(reason: string): HttpFailure {
  return new HttpFailure(400, `the body of the PROPFIND cannot be used: ${reason}`);
}
