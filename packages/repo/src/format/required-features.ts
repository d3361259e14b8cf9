import { LongshoreError } from '../errors.ts';
import { FieldReader } from './field-reader.ts';
import type { RequiredFeature } from './parameters.ts';

/** Features that a repository may demand and that this code has. Source: docs/format/format-blob.md. */
export const KNOWN_FEATURES: readonly string[] = ['index-v1', 'index-v2'];

export function parseRequiredFeatures(
  values: readonly unknown[],
  source: string,
): readonly RequiredFeature[] {
  return values.map((value) => {
    const fields = new FieldReader(value, source);
    const reaction = fields.object('ifNotUnderstood');
    const message = reaction.string('message');
    const url = reaction.string('url');
    const upgradeToVersion = reaction.string('upgradeToVersion');
    return {
      feature: fields.string('feature'),
      ifNotUnderstood: {
        warn: reaction.boolean('warn'),
        ...(message === '' ? {} : { message }),
        ...(url === '' ? {} : { url }),
        ...(upgradeToVersion === '' ? {} : { upgradeToVersion }),
      },
    };
  });
}

/** The list in stored order, for `encodeGoJSON`; undefined, which leaves the key out, if it is empty. */
export function requiredFeaturesJSON(features: readonly RequiredFeature[]): unknown {
  if (features.length === 0) return undefined;
  return features.map(({ feature, ifNotUnderstood }) => ({
    feature,
    ifNotUnderstood: {
      warn: ifNotUnderstood.warn,
      message: ifNotUnderstood.message,
      url: ifNotUnderstood.url,
      upgradeToVersion: ifNotUnderstood.upgradeToVersion,
    },
  }));
}

/**
 * Refuses a repository that needs a feature unknown here (UNSUPPORTED). Returns one line for each unknown
 * feature that only asks for a warning.
 */
export function checkRequiredFeatures(features: readonly RequiredFeature[]): readonly string[] {
  const unknown = features.filter(({ feature }) => !KNOWN_FEATURES.includes(feature));
  const refused = unknown.filter(({ ifNotUnderstood }) => !ifNotUnderstood.warn);
  if (refused.length > 0) {
    throw new LongshoreError('UNSUPPORTED', refused.map(describeFeature).join('; '));
  }
  return unknown.map(describeFeature);
}

function describeFeature({ feature, ifNotUnderstood }: RequiredFeature): string {
  const { message, url, upgradeToVersion } = ifNotUnderstood;
  let line = `the repository asks for the feature ${JSON.stringify(feature)}, which this version does not have`;
  if (message !== undefined) line += `: ${message}`;
  if (url !== undefined) line += ` (see ${url})`;
  if (upgradeToVersion !== undefined) line += ` (it came with Kopia ${upgradeToVersion})`;
  return line;
}
