import { LongshoreError } from '@longshore/repo';
import type { SourceInfo } from '../source-info.ts';
import { isCompressorName } from './compressor-choice.ts';
import { isCronExpression } from './cron-expression.ts';
import { isRootPath } from './policy-paths.ts';
import type { Policy, SchedulingPolicy } from './policy.ts';

/** INVALID_ARGUMENT if Kopia would refuse to store the policy for this target, or would fail when it uses it. */
export function validatePolicy(target: SourceInfo, policy: Policy): void {
  const problem =
    pathProblem(target.path) ??
    schedulingProblem(policy.scheduling) ??
    timeOfDayProblem(policy.scheduling) ??
    cronProblem(policy.scheduling) ??
    uploadProblem(target, policy) ??
    compressorProblem(policy.compression.compressorName) ??
    compressorProblem(policy.metadataCompression.compressorName);
  if (problem !== undefined) throw new LongshoreError('INVALID_ARGUMENT', problem);
}

function pathProblem(path: string): string | undefined {
  return /[/\\]$/.test(path) && !isRootPath(path)
    ? `the path of a policy must not end in a separator: ${JSON.stringify(path)}`
    : undefined;
}

function schedulingProblem(scheduling: SchedulingPolicy): string | undefined {
  if (scheduling.manual !== true) return undefined;
  const { manual: _, ...others } = scheduling;
  return Object.values(others).some((value) => value !== undefined)
    ? 'scheduling.manual excludes every other setting of a schedule'
    : undefined;
}

function timeOfDayProblem({ timeOfDay = [] }: SchedulingPolicy): string | undefined {
  const isPossible = timeOfDay.every(
    ({ hour, min }) => hour >= 0 && hour < 24 && min >= 0 && min < 60,
  );
  return isPossible ? undefined : 'scheduling.timeOfDay is not within a day';
}

function cronProblem({ cron = [] }: SchedulingPolicy): string | undefined {
  const wrong = cron.find((expression) => !isCronExpression(expression));
  return wrong === undefined
    ? undefined
    : `scheduling.cron: ${JSON.stringify(wrong)} is no crontab expression`;
}

function compressorProblem(name = 'none'): string | undefined {
  return name === '' || name === 'none' || isCompressorName(name)
    ? undefined
    : `there is no compressor named ${JSON.stringify(name)}`;
}

function uploadProblem(target: SourceInfo, { upload }: Policy): string | undefined {
  if (target.path !== '' && upload.maxParallelSnapshots !== undefined) {
    return 'upload.maxParallelSnapshots cannot be set for a path';
  }
  return upload.parallelUploadAboveSize === 0
    ? 'upload.parallelUploadAboveSize must not be 0: a negative value means never'
    : undefined;
}
