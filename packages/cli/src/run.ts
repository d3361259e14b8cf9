import { describeError, RequestMeter } from '@longshore/repo';
import { commandTree } from './command-tree.ts';
import { configFilePath, defaultLogFolder } from './config/config-paths.ts';
import type { CommandContext } from './context.ts';
import {
  EXIT_FAILURE,
  EXIT_INTERRUPTED,
  EXIT_SUCCESS,
  InterruptedError,
  exitCodeOf,
  SilentFailure,
} from './exit-codes.ts';
import { failureLine } from './failure-line.ts';
import { GLOBAL_FLAGS, type GlobalFlagValues } from './global-flags.ts';
import { describeLine } from './grammar/help.ts';
import { parseCommandLine, type ParsedLine } from './grammar/parse.ts';
import { UsageError } from './grammar/usage-error.ts';
import { createLog } from './log.ts';
import { requestLine } from './output/request-line.ts';
import { REFUSED_COMMANDS } from './refused-commands.ts';
import { createTimeFormat, type TimeFormat } from './output/times.ts';
import { ProgressLine } from './progress/progress-line.ts';
import { catchSignals } from './signals.ts';
import { packageVersion } from './version.ts';

/** Runs one command line and returns the exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  // The reader of a pipe may leave early: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT_SUCCESS : EXIT_FAILURE);
  });
  try {
    const options = {
      root: commandTree,
      globalFlags: GLOBAL_FLAGS,
      env: process.env,
      refused: REFUSED_COMMANDS,
    };
    const line = await parseCommandLine(argv, options);
    const flags = line.globals as GlobalFlagValues;
    const text = await informationalText(line, flags);
    if (text !== undefined) {
      process.stdout.write(text);
      return EXIT_SUCCESS;
    }
    return await runCommand(line, flags);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`longshore: ${error.message}\n`);
    // The flags of a line that cannot be parsed are not known: what it says is looked for as it is.
    return exitCodeOf(error, argv.includes('--exit-codes=detailed') ? 'detailed' : 'kopia');
  }
}

/** What is printed instead of running a command. */
async function informationalText(
  line: ParsedLine,
  flags: GlobalFlagValues,
): Promise<string | undefined> {
  if (flags.version) return `${packageVersion()}\n`;
  const full = flags['help-full'];
  if (flags.help || full || flags['help-long']) return describeLine(line, { full });
  if (line.command !== undefined) return undefined;
  if (line.path.length === 0) return describeLine(line, { full });
  const name = line.path.join(' ');
  throw new UsageError(`${name} needs a command; see "longshore ${name} --help"`);
}

async function runCommand(line: ParsedLine, flags: GlobalFlagValues): Promise<number> {
  const input = line.input();
  const { env } = process;
  const progress = new ProgressLine(process.stderr, {
    enabled: flags.progress && env['TERM'] !== 'dumb',
    intervalMs: Number(flags['progress-update-interval'] / 1_000_000n),
  });
  const log = createLog({
    console: {
      write: (text) => progress.around(() => process.stderr.write(text)),
      stream: process.stderr,
    },
    flags,
    env,
    folder: flags['log-dir'] ?? defaultLogFolder(env),
    action: line.path.join('-'),
  });
  const signals = catchSignals((message) => log.info(message));
  log.debug(`longshore ${packageVersion()}, node ${process.version}: ${line.path.join(' ')}`);
  let times: TimeFormat | undefined;
  const requests = new RequestMeter();
  let showsCost = false;
  try {
    const context: CommandContext = {
      env,
      flags,
      configFile: configFilePath(flags['config-file'], env, process.cwd()),
      workingDirectory: process.cwd(),
      print: (text) => {
        process.stdout.write(text);
      },
      stdout: process.stdout,
      stdin: process.stdin,
      log,
      progress,
      requests,
      // Node's tables of time zones are slow to load, and many commands show no time.
      get times() {
        times ??= createTimeFormat(flags.timezone);
        return times;
      },
      stopSignal: signals.stopSignal,
      signal: signals.signal,
      handleStop: signals.handleStop,
    };
    await line.command?.run(context, input);
    showsCost = line.command?.showsRequests === true;
    return EXIT_SUCCESS;
  } catch (error) {
    progress.clear();
    if (signals.signal.aborted) {
      log.error('longshore: interrupted; nothing that was not finished has been kept');
      return EXIT_INTERRUPTED;
    }
    if (error instanceof InterruptedError) {
      log.error(`longshore: interrupted; ${error.message}`);
      return EXIT_INTERRUPTED;
    }
    if (error instanceof SilentFailure) log.debug(error.message);
    else {
      log.error(`longshore: ${error instanceof UsageError ? error.message : failureLine(error)}`);
      log.debug(error instanceof Error ? (error.stack ?? error.message) : describeError(error));
    }
    return exitCodeOf(error, flags['exit-codes']);
  } finally {
    progress.clear();
    // Providers bill what failed, too; but there the last line says why.
    const cost = requestLine(requests.counts);
    if (cost !== undefined && showsCost) log.info(cost);
    else if (cost !== undefined) log.debug(cost);
    signals.release();
    log.close();
  }
}
