import { formatGoTime } from '@longshore/repo';
import type { MountedListing, MountedNode } from '../../mount/mounted-node.ts';
import { encodePath } from './resource-path.ts';
import { escapeXml } from './xml-text.ts';

const STYLE =
  'body{font:14px sans-serif;margin:2em}td{padding:.1em 1.5em .1em 0}td:nth-child(n+2){color:#666}' +
  '.size{text-align:right}';

/** Sent with the page: it needs nothing but its style, and may run nothing. */
export const INDEX_SECURITY_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A directory as a page for browsers, in pieces of one entry each. */
export function* htmlIndex(
  path: readonly string[],
  listing: MountedListing,
): Generator<string, void, void> {
  const title = `/${path.join('/')}`;
  yield `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeXml(title)}</title><style>${STYLE}</style></head>
<body><h1><bdi>${escapeXml(title)}</bdi></h1><table>
`;
  if (path.length > 0) {
    yield `<tr><td><a href="${escapeXml(encodePath(path.slice(0, -1), true))}">..</a></td></tr>\n`;
  }
  for (const node of listing.nodes()) yield row(path, node);
  yield '</table>\n';
  if (listing.omitted > 0) {
    yield `<p>Not shown: ${listing.omitted} symbolic links or other entries that are neither file nor directory.</p>\n`;
  }
  yield '</body></html>\n';
}

function row(path: readonly string[], node: MountedNode): string {
  const isDirectory = node.kind === 'directory';
  const href = escapeXml(encodePath([...path, node.name], isDirectory));
  const name = `<bdi>${escapeXml(node.name)}</bdi>${isDirectory ? '/' : ''}`;
  const size = isDirectory ? '' : node.size.toLocaleString('en-US');
  const time = formatGoTime(node.mtime).slice(0, 19).replace('T', ' ');
  return `<tr><td><a href="${href}">${name}</a></td><td class="size">${size}</td><td>${time}</td></tr>\n`;
}
