import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { UsageError, type S3Flags } from './arguments.ts';
import type { StorageTarget } from './runners/engine-request.ts';

/** `file:PATH` or `s3:BUCKET[/PREFIX]`; keys for S3 come from the variables that AWS has for them. */
export function parseTarget(
  text: string,
  s3: S3Flags,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): StorageTarget {
  const [, kind, rest = ''] = /^(file|s3):(.+)$/.exec(text) ?? [];
  if (kind === 'file') return { kind: 'filesystem', path: resolve(rest) };
  if (kind !== 's3') throw new UsageError(`--target ${text}: file:PATH or s3:BUCKET[/PREFIX]`);
  const [bucket = '', ...folders] = rest.split('/');
  if (bucket === '') throw new UsageError(`--target ${text}: no bucket`);
  const prefix = folders.join('/');
  const { AWS_ACCESS_KEY_ID: accessKeyID, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  return {
    kind: 's3',
    ...s3,
    bucket,
    prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
    ...(accessKeyID === undefined || secretAccessKey === undefined
      ? {}
      : { accessKeyID, secretAccessKey }),
  };
}

/** A place inside of a target where nothing else can be. */
export function scratchTarget(target: StorageTarget): StorageTarget {
  const name = `.longshore-bench-${randomBytes(6).toString('hex')}`;
  return target.kind === 'filesystem'
    ? { kind: 'filesystem', path: join(target.path, name) }
    : { ...target, prefix: `${target.prefix}${name}/` };
}
