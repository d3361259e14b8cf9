import { LongshoreError } from '../errors.ts';

/** Where an S3 service is, as the SDK wants to hear it. */
export interface S3Endpoint {
  /** Undefined: one of AWS, which the SDK finds by region. */
  readonly url: string | undefined;
  readonly region: string;
  readonly pathStyle: boolean;
  readonly usesTLS: boolean;
  /** For messages. */
  readonly host: string;
}

export interface S3EndpointOptions {
  /** `host`, `host:port` or a URL whose scheme then decides about TLS. Default `s3.amazonaws.com`. */
  readonly endpoint?: string;
  readonly region?: string;
  readonly disableTLS?: boolean;
  /** Default: only for endpoints outside AWS. */
  readonly pathStyle?: boolean;
}

const AWS_HOST = /^s3(?:[.-]([a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?$/;
/** Backblaze B2, Wasabi and others name the region in the host: `s3.us-west-004.backblazeb2.com`. */
const HOST_WITH_REGION = /^s3\.([a-z]{2}-[a-z]+-\d+)\./;

/** INVALID_ARGUMENT if the endpoint is neither a host nor a plain http(s) URL. */
export function parseS3Endpoint(options: S3EndpointOptions): S3Endpoint {
  const { endpoint = 's3.amazonaws.com', disableTLS = false } = options;
  const text = /^[a-z]+:\/\//i.test(endpoint)
    ? endpoint
    : `${disableTLS ? 'http' : 'https'}://${endpoint}`;
  const url = URL.parse(text);
  if (
    !url ||
    !['http:', 'https:'].includes(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'the S3 endpoint is neither a host name nor an http or https URL without user and query',
      { field: 'endpoint' },
    );
  }
  const usesTLS = url.protocol === 'https:';
  const aws = url.port === '' ? AWS_HOST.exec(url.hostname) : null;
  const regionInHost = aws?.[1] ?? HOST_WITH_REGION.exec(url.hostname)?.[1];
  return {
    url: aws && usesTLS ? undefined : url.href,
    region: nonEmpty(options.region) ?? regionInHost ?? 'us-east-1',
    pathStyle: options.pathStyle ?? !aws,
    usesTLS,
    host: url.host,
  };
}

/** Kopia stores settings that were not given as empty strings. */
export function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
