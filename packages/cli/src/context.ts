import type { RequestMeter } from '@longshore/repo';
import type { ConnectionOptions } from './connection/connection-options.ts';
import type { GlobalFlagValues } from './global-flags.ts';
import type { Log } from './log.ts';
import type { OutputStream } from './output/terminal.ts';
import type { TimeFormat } from './output/times.ts';
import type { ProgressLine } from './progress/progress-line.ts';

/** What a command works with: nothing else of the process is touched by commands. */
export interface CommandContext extends ConnectionOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: GlobalFlagValues;
  /** Absolute. */
  readonly workingDirectory: string;
  /** Standard output: data only. */
  print(text: string | Uint8Array): void;
  readonly stdout: OutputStream;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly log: Log;
  readonly progress: ProgressLine;
  /** Counts what this run asks of storages. */
  readonly requests: RequestMeter;
  readonly times: TimeFormat;
  /** The first SIGINT or SIGTERM: end in order. */
  readonly stopSignal: AbortSignal;
  /** The second one: end at once. */
  readonly signal: AbortSignal;
  /** Says that this command ends in order at `stopSignal`; others are aborted by the first signal too. */
  handleStop(): void;
}
