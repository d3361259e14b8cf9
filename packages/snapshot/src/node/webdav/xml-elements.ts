/** A name in its namespace; the namespace is empty where none applies. */
export interface XmlName {
  readonly namespace: string;
  readonly name: string;
}

export interface XmlElement extends XmlName {
  readonly children: readonly XmlElement[];
}

/** The text is not well-formed, or has what no WebDAV request needs. */
export class XmlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'XmlError';
  }
}

/** Deepest nesting; WebDAV's requests have three levels. */
const MAX_DEPTH = 32;

const NAME = String.raw`[\p{L}_:][\p{L}\p{M}\p{N}_.:·-]*`;
const ATTRIBUTE = String.raw`\s+(${NAME})\s*=\s*("[^"<]*"|'[^'<]*')`;
/** Comment, CDATA, processing instruction, end tag, start tag, text. */
const TOKEN = new RegExp(
  String.raw`<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|</(${NAME})\s*>|<(${NAME})((?:${ATTRIBUTE})*)\s*(/?)>|[^<]+`,
  'guy',
);

interface OpenElement extends XmlName {
  /** As it was written, with its prefix. */
  readonly tag: string;
  readonly children: XmlElement[];
  readonly prefixes: ReadonlyMap<string, string>;
}

/**
 * The elements of a small document, without its text and attributes. A document type is refused, so there are no
 * entities to expand. XmlError if the text is not well-formed.
 */
export function parseXmlElements(text: string): XmlElement {
  const top: XmlElement[] = [];
  const open: OpenElement[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    end = match.index + match[0].length;
    const [token, closed, tag, attributes = ''] = match;
    const isEmptyElement = token.endsWith('/>');
    if (closed !== undefined) close(open, closed);
    else if (tag !== undefined) {
      const element = openElement(tag, attributes, open.at(-1)?.prefixes ?? new Map());
      (open.at(-1)?.children ?? top).push(element);
      if (!isEmptyElement) open.push(element);
      if (open.length > MAX_DEPTH) throw new XmlError('elements are nested too deeply');
    } else if (open.length === 0 && !/^(?:\s*$|<!--|<\?)/.test(token)) {
      throw new XmlError('there is text outside of the root element');
    }
  }
  if (end !== text.length) throw new XmlError(`cannot be read from character ${end} on`);
  const [root, ...others] = top;
  if (root === undefined || others.length > 0 || open.length > 0) {
    throw new XmlError('is not one whole element');
  }
  return root;
}

function close(open: OpenElement[], tag: string): void {
  if (open.pop()?.tag !== tag) throw new XmlError(`the end of ${tag} does not match its start`);
}

function openElement(
  tag: string,
  attributes: string,
  inherited: ReadonlyMap<string, string>,
): OpenElement {
  let prefixes = inherited;
  for (const [, attribute = '', quoted = ''] of attributes.matchAll(new RegExp(ATTRIBUTE, 'gu'))) {
    const [, prefix] = /^xmlns(?::(.+)|$)/.exec(attribute) ?? [];
    if (attribute !== 'xmlns' && prefix === undefined) continue;
    prefixes = new Map(prefixes).set(prefix ?? '', unescapeXml(quoted.slice(1, -1)));
  }
  const colon = tag.indexOf(':');
  const prefix = tag.slice(0, Math.max(colon, 0));
  const namespace = prefixes.get(prefix) ?? (prefix === '' ? '' : undefined);
  const name = tag.slice(colon + 1);
  const isUndeclared = namespace === undefined || (prefix !== '' && namespace === '');
  if (isUndeclared || name === '' || name.includes(':')) {
    throw new XmlError(`the namespace of ${tag} is not declared`);
  }
  return { tag, namespace, name, children: [], prefixes };
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replaceAll(/&([^;]*);?/g, (whole, name: string) => {
    const [, hex, decimal] = /^#(?:x([\da-f]{1,6})|(\d{1,7}))$/i.exec(name) ?? [];
    const code = Number.parseInt(hex ?? decimal ?? '', hex === undefined ? 10 : 16);
    const character = Object.hasOwn(ENTITIES, name)
      ? ENTITIES[name]
      : code <= 0x10ffff
        ? String.fromCodePoint(code)
        : undefined;
    if (character === undefined || !whole.endsWith(';')) {
      throw new XmlError(`${whole} is not an entity`);
    }
    return character;
  });
}
