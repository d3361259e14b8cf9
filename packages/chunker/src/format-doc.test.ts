import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { buzhash32 } from './buzhash32.ts';
import { rabinKarp64 } from './rabin-karp64.ts';
import { findSplitPoints } from './split-points.ts';
import { createSplitter } from './splitter.ts';

const PAGE = new URL('../../../docs/format/splitters.md', import.meta.url);

function exampleStream(): Uint8Array {
  let text = '';
  for (let line = 0; text.length < 300_000; line++) text += `line ${line} of the test stream\n`;
  return new TextEncoder().encode(text).subarray(0, 300_000);
}

it('shows a worked example that the splitters reproduce', () => {
  const data = exampleStream();
  const rows = ['DYNAMIC-128K-BUZHASH', 'DYNAMIC-128K-RABINKARP'] as const;
  const computed = rows.flatMap((name) =>
    findSplitPoints(data, createSplitter(name)).map((cut) => {
      const hash = name.endsWith('-BUZHASH')
        ? buzhash32(data, cut - 64)
        : rabinKarp64(data, cut - 64);
      const ending = JSON.stringify(new TextDecoder().decode(data.subarray(cut - 16, cut)));
      return `| \`${name}\` | ${cut} | \`${ending}\` | \`${hash.toString(16)}\` |`;
    }),
  );
  const shown = readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `DYNAMIC-128K-'));
  expect(shown).toEqual(computed);
});
