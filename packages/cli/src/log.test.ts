import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GLOBAL_FLAGS, type GlobalFlagValues } from './global-flags.ts';
import { createLog } from './log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a warning and a detail become on the console and in the file. */
function written(given: Readonly<Record<string, string>>): {
  readonly console: string;
  readonly file: string;
} {
  const entries = Object.entries(GLOBAL_FLAGS).map(([name, flag]) => {
    const text = given[name];
    return [name, flag.resolve(text === undefined ? [] : [text])];
  });
  let shown = '';
  const log = createLog({
    console: {
      write: (text) => {
        shown += text;
      },
      stream: { isTTY: false, write: () => true },
    },
    flags: Object.fromEntries(entries) as GlobalFlagValues,
    env: {},
    folder,
    action: 'test',
  });
  log.warning('a "name" with \u009b and\na break');
  log.debug('detail');
  log.close();
  return { console: shown, file: readFileSync(log.file!, 'utf8') };
}

it('a message is one JSON object in a line where that is asked for', () => {
  const message = 'a "name" with \u009b and\na break';
  const { console, file } = written({ 'json-log-console': 'true', 'json-log-file': 'true' });
  expect(console).not.toContain('\u009b');
  expect(JSON.parse(console)).toEqual({ n: 'longshore', m: message });
  const lines = file.trimEnd().split('\n');
  const time = expect.stringMatching(/^\d{4}-.*Z$/) as string;
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { l: 'WARN', t: time, n: 'longshore', m: message },
    { l: 'DEBUG', t: time, n: 'longshore', m: 'detail' },
  ]);
  const stamped = written({ 'json-log-console': 'true', 'console-timestamps': 'true' });
  expect(JSON.parse(stamped.console)).toMatchObject({
    t: expect.stringMatching(/^\d{4}-.*[+-]\d\d:\d\d$/) as string,
  });
  expect(stamped.file).toMatch(/Z DEBUG detail\n$/);
});
