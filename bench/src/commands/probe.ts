import { existsSync, mkdirSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { measureProgram } from '../measure.ts';
import { runnerParameters, type RunnerName } from '../project.ts';
import type { StorageTarget } from '../runners/engine-request.ts';
import type { ProbeRequest, StorageProbe } from '../runners/probe-storage.ts';
import { scratchTarget } from '../targets.ts';

const TIME_LIMIT_SECONDS = 24 * 3600;
const PACK_SIZES = [10, 20, 40].map((size) => size * 1024 ** 2);
const SECONDS_FOR_EACH = 1.5;

/** What a runner prints for a request, and the most memory that it had. */
export async function askRunner(
  name: RunnerName,
  request: object,
): Promise<{ readonly answer: unknown; readonly peakBytes: number | undefined }> {
  const { stdout, peakBytes } = await measureProgram(
    {
      program: process.execPath,
      parameters: [...runnerParameters(name), JSON.stringify(request)],
      cwd: tmpdir(),
      environment: Object.fromEntries(
        Object.entries(process.env).flatMap(([key, value]) =>
          value === undefined ? [] : [[key, value]],
        ),
      ),
    },
    { timeLimitSeconds: TIME_LIMIT_SECONDS },
  );
  return { answer: JSON.parse(stdout) as unknown, peakBytes };
}

/** Measures a storage in a scratch place inside of it, which is gone afterwards. */
export async function probeStorage(target: StorageTarget): Promise<StorageProbe> {
  const scratch = scratchTarget(target);
  const request: ProbeRequest = {
    target: scratch,
    packSizes: PACK_SIZES,
    seconds: SECONDS_FOR_EACH,
  };
  const isNew = target.kind === 'filesystem' && !existsSync(target.path);
  if (target.kind === 'filesystem') mkdirSync(target.path, { recursive: true });
  try {
    return (await askRunner('probe-storage', request)).answer as StorageProbe;
  } finally {
    if (scratch.kind === 'filesystem') rmSync(scratch.path, { recursive: true, force: true });
    if (isNew && target.kind === 'filesystem') rmdirSync(target.path);
  }
}
