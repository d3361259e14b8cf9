import { closeSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { makeFolders } from './config/make-folders.ts';
import type { GlobalFlagValues } from './global-flags.ts';
import { LOG_LEVELS } from './global-flags.ts';
import { mayColor, printable, red, type OutputStream } from './output/terminal.ts';

export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogDetails = Readonly<Record<string, unknown>>;

/** Messages for the person at the console, and a file that keeps them with the details. */
export interface Log {
  /** `details` follow the message as JSON; where lines are JSON they are members beside it. */
  debug(message: string, details?: LogDetails): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
  /** False: nobody would see a message of this level. */
  takes(level: LogLevel): boolean;
  /** Path of the file; undefined if none is written. */
  readonly file: string | undefined;
  close(): void;
}

const MILLISECONDS = 1_000_000;

/** Characters of details that wait to be written together, and for how long at most. */
const MAX_PENDING_LENGTH = 32_768;
const MAX_PENDING_MS = 500;
const MEGABYTE = 2 ** 20;

/** Messages go to `console`, so that standard output has data only. A log file that cannot be written is given up silently. */
export function createLog(options: {
  readonly console: { write(line: string): void; readonly stream: OutputStream };
  readonly flags: GlobalFlagValues;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** `snapshot-create`: becomes part of the file's name. */
  readonly action: string;
}): Log {
  const { console, flags } = options;
  const consoleLevel = LOG_LEVELS.indexOf(flags['log-level']);
  const fileLevel = LOG_LEVELS.indexOf(flags['file-log-level']);
  const colored = mayColor(console.stream, options.env, flags);
  const file = flags['disable-file-logging'] ? undefined : openLogFile(options);
  const log = (level: LogLevel, message: string, details?: LogDetails): void => {
    const severity = LOG_LEVELS.indexOf(level);
    const now = new Date();
    if (file !== undefined && severity >= fileLevel) {
      const time = flags['file-log-local-tz'] ? localTime(now) : now.toISOString();
      // As Kopia has it.
      const name = level === 'warning' ? 'WARN' : level.toUpperCase();
      const line = flags['json-log-file']
        ? jsonLine({ l: name, t: time }, message, details)
        : `${time} ${name} ${textLine(message, details)}`;
      file.write(`${line}\n`, { isUrgent: level !== 'debug' });
    }
    if (severity < consoleLevel) return;
    const isTimed = flags['console-timestamps'];
    if (flags['json-log-console']) {
      const line = jsonLine(isTimed ? { t: localTime(now) } : {}, message, details);
      console.write(`${line}\n`);
      return;
    }
    const time = isTimed ? `${now.toISOString()} ` : '';
    const line = time + printable(textLine(message, details));
    console.write(`${colored && level === 'error' ? red(line) : line}\n`);
  };
  return {
    debug: (message, details) => log('debug', message, details),
    info: (message) => log('info', message),
    warning: (message) => log('warning', message),
    error: (message) => log('error', message),
    takes: (level) => {
      const severity = LOG_LEVELS.indexOf(level);
      return severity >= consoleLevel || (file !== undefined && severity >= fileLevel);
    },
    file: file?.path,
    close: () => file?.close(),
  };
}

function textLine(message: string, details: LogDetails | undefined): string {
  return details === undefined ? message : `${message}\t${JSON.stringify(details)}`;
}

/** Under Kopia's keys: level, time, name of who speaks, message. */
function jsonLine(head: LogDetails, message: string, details: LogDetails = {}): string {
  const text = JSON.stringify({ ...head, n: 'longshore', m: message, ...details });
  // What a terminal obeys and JSON lets through.
  return text.replaceAll(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** RFC 3339 with the offset of this machine's zone. */
function localTime(time: Date): string {
  const offset = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offset * 60_000).toISOString().slice(0, -1);
  const minutes = Math.abs(offset);
  const parts = [Math.floor(minutes / 60), minutes % 60];
  const shown = parts.map((part) => String(part).padStart(2, '0')).join(':');
  return `${local}${offset < 0 ? '-' : '+'}${shown}`;
}

function openLogFile({
  flags,
  folder,
  action,
}: {
  readonly flags: GlobalFlagValues;
  readonly folder: string;
  readonly action: string;
}): LogFile | undefined {
  const stamp = new Date().toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const logs = join(folder, 'cli-logs');
  const path = flags['log-file'] ?? join(logs, `longshore-${stamp}-${process.pid}-${action}.log`);
  try {
    makeFolders(dirname(resolve(path)));
    const descriptor = openSync(path, 'a', 0o600);
    if (flags['log-file'] === undefined) sweepLogs(logs, flags);
    return new LogFile(path, descriptor);
  } catch {
    return undefined;
  }
}

/** There may be a line for each of many directories: they share a write, unless somebody waits for them. */
class LogFile {
  readonly path: string;
  /** Undefined once it is closed: the number may be another file's by then. */
  #descriptor: number | undefined;
  readonly #flush = (): void => this.flush();
  #pending = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
    process.once('exit', this.#flush);
  }

  write(line: string, { isUrgent }: { readonly isUrgent: boolean }): void {
    this.#pending += line;
    if (isUrgent || this.#pending.length >= MAX_PENDING_LENGTH) this.flush();
    else this.#timer ??= setTimeout(this.#flush, MAX_PENDING_MS).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.#descriptor === undefined) return;
    try {
      writeSync(this.#descriptor, text);
    } catch {
      // A full disk must not stop a restore.
    }
  }

  close(): void {
    process.off('exit', this.#flush);
    this.flush();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** Removes the oldest of our own log files beyond the limits. */
function sweepLogs(folder: string, flags: GlobalFlagValues): void {
  const files = readdirSync(folder)
    .filter((name) => name.startsWith('longshore-') && name.endsWith('.log'))
    .sort()
    .toReversed();
  const oldest = Date.now() - Number(flags['log-dir-max-age'] / BigInt(MILLISECONDS));
  const maxBytes = flags['log-dir-max-total-size-mb'] * MEGABYTE;
  let bytes = 0;
  for (const [index, name] of files.entries()) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    const { size, mtimeMs } = stats;
    bytes += size;
    const isTooMuch = index >= flags['log-dir-max-files'] || bytes > maxBytes;
    if (index > 0 && (isTooMuch || mtimeMs < oldest)) rmSync(path, { force: true });
  }
}
