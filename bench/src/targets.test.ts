import { describe, expect, it } from 'vitest';
import { parseTarget, scratchTarget } from './targets.ts';

const s3 = { endpoint: '127.0.0.1:9000', region: 'us-east-1', disableTLS: true };

describe('targets', () => {
  it('are folders or buckets with a prefix', () => {
    expect(parseTarget('file:/mnt/backup', s3)).toEqual({
      kind: 'filesystem',
      path: '/mnt/backup',
    });
    expect(parseTarget('s3:bucket/a/b', s3, {})).toEqual({
      kind: 's3',
      ...s3,
      bucket: 'bucket',
      prefix: 'a/b/',
    });
    expect(parseTarget('s3:bucket', s3, {})).toMatchObject({ bucket: 'bucket', prefix: '' });
  });

  it('take both keys from the environment or none', () => {
    const both = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' };
    expect(parseTarget('s3:b', s3, both)).toMatchObject({
      accessKeyID: 'id',
      secretAccessKey: 'key',
    });
    expect(parseTarget('s3:b', s3, { AWS_ACCESS_KEY_ID: 'id' })).not.toHaveProperty('accessKeyID');
  });

  it.each(['/mnt/backup', 'file:', 's3:', 's3:/prefix', 'ftp:x'])('refuse %s', (text) => {
    expect(() => parseTarget(text, s3, {})).toThrow(`--target ${text}`);
  });

  it('have room for a scratch place below them', () => {
    expect(scratchTarget({ kind: 'filesystem', path: '/r' })).toMatchObject({
      path: expect.stringMatching(/^\/r\/\.longshore-bench-[0-9a-f]{12}$/) as string,
    });
    expect(scratchTarget(parseTarget('s3:b/p', s3, {}))).toMatchObject({
      prefix: expect.stringMatching(/^p\/\.longshore-bench-[0-9a-f]{12}\/$/) as string,
    });
  });
});
