import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';

/*
 * Runs one program and says what it cost. A process of its own, for the operating system adds up what ended children
 * used: with one child, that is the child. Called with a JSON request as its only parameter; the answer is on standard
 * output.
 */

/** What to run. */
export interface UsageRequest {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Files for what it prints. */
  readonly stdoutFile: string;
  readonly stderrFile: string;
  /** After which it is killed. */
  readonly timeLimitSeconds: number;
}

/** What it cost. Members that this system cannot tell are absent. */
export interface UsageAnswer {
  readonly status: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly wallSeconds: number;
  /** User and system time, all threads. */
  readonly cpuSeconds?: number;
  readonly peakBytes?: number;
}

const POLL_MS = 20;
const RUSAGE_CHILDREN = -1;
const RUSAGE_SIZE = 144;

interface ChildTotals {
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

/** `getrusage` of libc; undefined where Node cannot call it. */
function loadChildTotals(): (() => ChildTotals) | undefined {
  if (process.platform !== 'linux' && process.platform !== 'darwin') return undefined;
  try {
    const ffi = process.getBuiltinModule('node:ffi');
    const { functions } = ffi.dlopen(null, {
      getrusage: { arguments: ['int32', 'buffer'], return: 'int32' },
    });
    return () => {
      const bytes = new Uint8Array(RUSAGE_SIZE);
      if (functions.getrusage(RUSAGE_CHILDREN, bytes) !== 0) throw new Error('getrusage failed');
      const view = new DataView(bytes.buffer);
      const seconds = (offset: number): number =>
        Number(view.getBigInt64(offset, true)) + view.getInt32(offset + 8, true) / 1e6;
      const unit = process.platform === 'darwin' ? 1 : 1024;
      return {
        cpuSeconds: seconds(0) + seconds(16),
        peakBytes: Number(view.getBigInt64(32, true)) * unit,
      };
    };
  } catch {
    return undefined;
  }
}

/** The most memory that a running process had resident so far, as Linux counts it; 0 if it is not known. */
function highWaterBytes(pid: number): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) * 1024 : 0;
  } catch {
    return 0;
  }
}

async function measure(request: UsageRequest): Promise<UsageAnswer> {
  const totals = loadChildTotals();
  const stdout = openSync(request.stdoutFile, 'w');
  const stderr = openSync(request.stderrFile, 'w');
  const startedAt = process.hrtime.bigint();
  const child = spawn(request.program, request.parameters, {
    cwd: request.cwd,
    env: request.environment,
    stdio: ['ignore', stdout, stderr],
  });
  let polledBytes = 0;
  const poll = setInterval(() => {
    if (child.pid !== undefined) polledBytes = Math.max(polledBytes, highWaterBytes(child.pid));
  }, POLL_MS);
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, request.timeLimitSeconds * 1000);
  const { promise, resolve, reject } =
    Promise.withResolvers<Pick<UsageAnswer, 'status' | 'signal'>>();
  child.once('error', reject);
  child.once('exit', (status, signal) => resolve({ status, signal }));
  try {
    const ended = await promise;
    const wallSeconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
    return { ...ended, timedOut, wallSeconds, ...usageOf(totals?.(), polledBytes) };
  } finally {
    clearInterval(poll);
    clearTimeout(limit);
    closeSync(stdout);
    closeSync(stderr);
  }
}

/**
 * Linux counts what this process held when it started the child as the child's, so a total that is not above our own
 * says nothing; then what was seen while it ran counts.
 */
function usageOf(
  totals: ChildTotals | undefined,
  polledBytes: number,
): Pick<UsageAnswer, 'cpuSeconds' | 'peakBytes'> {
  const own = process.resourceUsage().maxRSS * 1024;
  const peak =
    totals !== undefined && totals.peakBytes > own
      ? Math.max(totals.peakBytes, polledBytes)
      : polledBytes;
  return {
    ...(totals === undefined ? {} : { cpuSeconds: totals.cpuSeconds }),
    ...(peak === 0 ? {} : { peakBytes: peak }),
  };
}

process.removeAllListeners('warning');
const [text, answerFile] = process.argv.slice(2);
const answer = await measure(JSON.parse(text ?? '{}') as UsageRequest);
writeFileSync(answerFile ?? '/dev/stdout', JSON.stringify(answer));
