import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { compressorTable } from '../content/create-kernel.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import { encodeManifestContent, parseManifestContent } from './manifest-content.ts';

const PAGE = new URL('../../../../docs/format/manifest.md', import.meta.url);

it('reads the manifest content on the format page and writes the same JSON', () => {
  const [, shown] = /```json\n([^]*?)```/.exec(readFileSync(PAGE, 'utf8'))!;
  const compressors = compressorTable(portableAlgorithms());
  const gzip = compressors.byName('gzip');
  const stored = gzip.compress!(encodeUtf8(shown!));
  const entries = parseManifestContent(stored, compressors, 'the example');
  expect(entries.map(({ labels, deleted }) => ({ labels, deleted }))).toEqual([
    { labels: { policyType: 'global', type: 'policy' }, deleted: false },
    { labels: {}, deleted: true },
  ]);
  expect(entries[1]!.modified - entries[0]!.modified).toBe(1n);
  const written = encodeManifestContent(entries, compressors);
  expect(decodeUtf8(gzip.decompress(written, 10_000, 'the example'), 'the example')).toBe(shown);
});
