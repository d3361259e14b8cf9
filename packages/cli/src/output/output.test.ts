import { describe, expect, it } from 'vitest';
import { compactReasons } from './compact-reasons.ts';
import { indentJSON } from './indent-json.ts';
import { modeString } from './mode-string.ts';
import { parseTimeLimit, parseTimestamp } from './parse-time.ts';
import { printable } from './terminal.ts';
import { createTimeFormat } from './times.ts';
import { compressionPercent, formatBytes, formatRate } from './units.ts';

const SECOND = 1_000_000_000n;

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [899, '899 B'],
    [900, '0.9 KB'],
    [300_006, '300 KB'],
    [303_353, '303.4 KB'],
    [20_971_520, '21 MB'],
    [2 ** 31, '2.1 GB'],
  ])('%d is shown as Kopia shows it', (bytes, text) => {
    expect(formatBytes(bytes, {})).toBe(text);
  });

  it('have powers of 1024 if the variable says so', () => {
    expect(formatBytes(20_971_520, { KOPIA_BYTES_STRING_BASE_2: 'true' })).toBe('20 MiB');
  });

  it('have rates and shares', () => {
    expect(formatRate(1_500_000)).toBe('1.5 MB/s');
    expect(compressionPercent(944, 596)).toBe('36.9%');
    expect(compressionPercent(10, 10)).toBe('0%');
  });
});

describe('times', () => {
  const time = 1_795_520_614n * SECOND + 123_000_000n;

  it('are shown with their zone', () => {
    expect(createTimeFormat('utc').show(time)).toBe('2026-11-24 11:43:34 UTC');
    expect(createTimeFormat('utc').showPrecisely(time)).toBe('2026-11-24 11:43:34.123 UTC');
    expect(createTimeFormat('Europe/Paris').show(time)).toBe('2026-11-24 12:43:34 CET');
    expect(createTimeFormat('America/New_York').show(time)).toBe('2026-11-24 06:43:34 EST');
    expect(createTimeFormat('Asia/Kathmandu').show(time)).toBe('2026-11-24 17:28:34 +0545');
  });

  it('of a zone that nobody knows are refused', () => {
    expect(() => createTimeFormat('Nowhere/Atlantis')).toThrow('there is no time zone named');
  });

  it('are read as they are shown', () => {
    const start = BigInt(Date.UTC(2026, 2, 1, 2)) * 1_000_000n;
    expect(parseTimestamp('2026-03-01 02:00:00 UTC', '--start-time')).toBe(start);
    expect(parseTimestamp('2026-03-01T03:00:00+01:00', '--start-time')).toBe(start);
    expect(() => parseTimestamp('2026-03-01', '--start-time')).toThrow('--start-time needs a time');
    expect(() => parseTimestamp('2026-03-01 02:00:00 XYZ', '--start-time')).toThrow('needs a time');
  });

  it('name the end of the stretch of time that they are written to', () => {
    const start = BigInt(Date.UTC(2026, 2, 1, 2)) * 1_000_000n;
    expect(parseTimeLimit('2026-03-01 02:00:00 UTC', 0n)).toBe(start + SECOND);
    expect(parseTimeLimit('2026-03-01 02:00Z', 0n)).toBe(start + 60n * SECOND);
    expect(() => parseTimeLimit('last-week', 0n)).toThrow('is not a time');
  });
});

describe('modes', () => {
  it.each([
    ['d', 0o755, 'drwxr-xr-x'],
    ['f', 0o644, '-rw-r--r--'],
    ['s', 0o777, 'Lrwxrwxrwx'],
    ['d', (1 << 20) | 0o777, 'dtrwxrwxrwx'],
    ['f', (1 << 23) | 0o755, 'urwxr-xr-x'],
    ['f', 0, '----------'],
  ])('%s %o is %s', (type, mode, text) => {
    expect(modeString({ type, mode })).toBe(text);
  });
});

describe('indented JSON', () => {
  it('has a line for each member and leaves empty ones alone', () => {
    expect(indentJSON('{"a":[1,{"b":"x:,{}\\"y"}],"c":{},"d":[]}')).toBe(
      '{\n  "a": [\n    1,\n    {\n      "b": "x:,{}\\"y"\n    }\n  ],\n  "c": {},\n  "d": []\n}',
    );
  });
});

describe('retention reasons', () => {
  it('of one kind are joined into runs', () => {
    const reasons = ['daily-2', 'latest-3', 'latest-1', 'latest-2', 'daily-4', 'incomplete'];
    expect(compactReasons(reasons)).toEqual(['incomplete', 'latest-1..3', 'daily-2', 'daily-4']);
  });
});

describe('text from elsewhere', () => {
  it('cannot steer the terminal', () => {
    expect(printable('a\u001b[2Jb\u007f\u009bc\u0007\r')).toBe(
      'a\\u001b[2Jb\\u007f\\u009bc\\u0007\\u000d',
    );
    expect(printable('Grüße\tan alle\n')).toBe('Grüße\tan alle\n');
  });
});
