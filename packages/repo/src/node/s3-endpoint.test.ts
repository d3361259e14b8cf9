import { expect, it } from 'vitest';

import { parseS3Endpoint } from './s3-endpoint.ts';
import type { S3EndpointOptions } from './s3-endpoint.ts';

const aws = { url: undefined, pathStyle: false, usesTLS: true };

it.each<readonly [S3EndpointOptions, object]>([
  [{}, { ...aws, region: 'us-east-1' }],
  [
    { endpoint: 's3.amazonaws.com', region: 'eu-west-1' },
    { ...aws, region: 'eu-west-1' },
  ],
  [{ endpoint: 's3.eu-central-1.amazonaws.com' }, { ...aws, region: 'eu-central-1' }],
  [
    { endpoint: 's3-us-west-2.amazonaws.com', region: '' },
    { ...aws, region: 'us-west-2' },
  ],
  [
    { endpoint: 's3.us-west-004.backblazeb2.com' },
    {
      url: 'https://s3.us-west-004.backblazeb2.com/',
      region: 'us-west-004',
      pathStyle: true,
      usesTLS: true,
    },
  ],
  [
    { endpoint: 'minio.example.com:9000', disableTLS: true },
    { url: 'http://minio.example.com:9000/', region: 'us-east-1', pathStyle: true, usesTLS: false },
  ],
  [
    { endpoint: 'http://10.0.0.1:9000', region: 'here', pathStyle: false },
    { url: 'http://10.0.0.1:9000/', region: 'here', pathStyle: false, usesTLS: false },
  ],
  [
    { endpoint: 'https://[::1]:9000', disableTLS: true },
    { url: 'https://[::1]:9000/', pathStyle: true, usesTLS: true, host: '[::1]:9000' },
  ],
])('finds with %j %j', (options, expected) => {
  expect(parseS3Endpoint(options)).toMatchObject(expected);
});

it.each(['', 'two words', 'ftp://example.com', 'https://user:secret@example.com', 'host?query'])(
  'refuses %j without repeating it',
  (endpoint) => {
    expect(() => parseS3Endpoint({ endpoint })).toThrow(/^the S3 endpoint is neither a host name/);
  },
);
