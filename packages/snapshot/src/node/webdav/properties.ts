import type { MountedNode } from '../../mount/mounted-node.ts';
import { mediaTypeOf } from './media-type.ts';
import { httpDate, validatorsOf, wholeSeconds } from './validators.ts';
import { escapeXml } from './xml-text.ts';

/** The value of each property that a node has, as XML, by its name in WebDAV's namespace. */
export function propertiesOf(node: MountedNode): ReadonlyMap<string, string> {
  const properties = new Map([
    ['displayname', escapeXml(node.name)],
    ['resourcetype', node.kind === 'directory' ? '<D:collection/>' : ''],
    ['getlastmodified', httpDate(wholeSeconds(node.mtime))],
    ['supportedlock', ''],
  ]);
  if (node.kind === 'directory') return properties;
  return properties
    .set('getcontentlength', String(node.size))
    .set('getcontenttype', mediaTypeOf(node.name))
    .set('getetag', escapeXml(validatorsOf(node).etag));
}
