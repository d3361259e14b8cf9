import type { MountedNode } from '../../mount/mounted-node.ts';
import { propertiesOf } from './properties.ts';
import { DAV, type PropfindRequest } from './propfind-request.ts';
import { encodePath } from './resource-path.ts';
import type { XmlName } from './xml-elements.ts';
import { escapeXml } from './xml-text.ts';

/** A node and where it is. */
export interface LocatedNode {
  readonly path: readonly string[];
  readonly node: MountedNode;
}

/** The answer to a PROPFIND, in pieces of one node each. */
export function* multistatus(
  nodes: Iterable<LocatedNode>,
  request: PropfindRequest,
): Generator<string, void, void> {
  yield '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">';
  for (const { path, node } of nodes) {
    const href = escapeXml(encodePath(path, node.kind === 'directory'));
    yield `<D:response><D:href>${href}</D:href>${propstats(node, request)}</D:response>`;
  }
  yield '</D:multistatus>\n';
}

function propstats(node: MountedNode, request: PropfindRequest): string {
  const properties = propertiesOf(node);
  if (request.kind === 'some') {
    const found = request.properties.filter((one) => valueOf(properties, one) !== undefined);
    const missing = request.properties.filter((one) => valueOf(properties, one) === undefined);
    const values = found.map((one) => element(one, valueOf(properties, one)));
    return (
      (values.length === 0 && missing.length > 0 ? '' : propstat(values, '200 OK')) +
      (missing.length === 0
        ? ''
        : propstat(
            missing.map((one) => element(one)),
            '404 Not Found',
          ))
    );
  }
  const all = Array.from(properties, ([name, value]) =>
    element({ namespace: DAV, name }, request.kind === 'names' ? '' : value),
  );
  return propstat(all, '200 OK');
}

function valueOf(
  properties: ReadonlyMap<string, string>,
  { namespace, name }: XmlName,
): string | undefined {
  return namespace === DAV ? properties.get(name) : undefined;
}

function propstat(elements: readonly string[], status: string): string {
  return `<D:propstat><D:prop>${elements.join('')}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat>`;
}

function element({ namespace, name }: XmlName, value = ''): string {
  const tag = namespace === DAV ? `D:${name}` : namespace === '' ? name : `x:${name}`;
  const declared = tag.startsWith('x:') ? ` xmlns:x="${escapeXml(namespace)}"` : '';
  return value === '' ? `<${tag}${declared}/>` : `<${tag}${declared}>${value}</${tag}>`;
}
