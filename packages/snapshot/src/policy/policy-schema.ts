import type { Policy } from './policy.ts';
import {
  flag,
  inheritanceFlag,
  inheritedAction,
  integer,
  optionalBoolean,
  optionalInteger,
  ownAction,
  text,
  texts,
  textUnion,
  timeOfDayUnion,
  type PolicySetting,
} from './policy-setting.ts';

/** A section of settings and sections, in the order in which Kopia writes them. */
export interface PolicySectionSchema {
  readonly [name: string]: PolicySetting<unknown> | PolicySectionSchema;
}

type SchemaOf<T> = {
  readonly [K in keyof T]-?: PolicySetting<NonNullable<T[K]>> | SchemaOf<NonNullable<T[K]>>;
};

const SCHEMA: SchemaOf<Policy> = {
  retention: {
    keepLatest: optionalInteger,
    keepHourly: optionalInteger,
    keepDaily: optionalInteger,
    keepWeekly: optionalInteger,
    keepMonthly: optionalInteger,
    keepAnnual: optionalInteger,
    ignoreIdenticalSnapshots: optionalBoolean,
  },
  files: {
    ignore: texts,
    noParentIgnore: flag,
    ignoreDotFiles: texts,
    noParentDotFiles: flag,
    ignoreCacheDirs: optionalBoolean,
    maxFileSize: integer,
    oneFileSystem: optionalBoolean,
  },
  errorHandling: {
    ignoreFileErrors: optionalBoolean,
    ignoreDirectoryErrors: optionalBoolean,
    ignoreUnknownTypes: optionalBoolean,
  },
  scheduling: {
    intervalSeconds: integer,
    timeOfDay: timeOfDayUnion('noParentTimeOfDay'),
    noParentTimeOfDay: flag,
    manual: flag,
    cron: texts,
    runMissed: optionalBoolean,
  },
  compression: {
    compressorName: text,
    onlyCompress: textUnion('noParentOnlyCompress'),
    noParentOnlyCompress: flag,
    neverCompress: textUnion('noParentNeverCompress'),
    noParentNeverCompress: flag,
    minSize: integer,
    maxSize: integer,
  },
  metadataCompression: { compressorName: text },
  splitter: { algorithm: text },
  actions: {
    beforeFolder: ownAction,
    afterFolder: ownAction,
    beforeSnapshotRoot: inheritedAction,
    afterSnapshotRoot: inheritedAction,
  },
  osSnapshots: { volumeShadowCopy: { enable: optionalInteger } },
  logging: {
    directories: { snapshotted: optionalInteger, ignored: optionalInteger },
    entries: {
      snapshotted: optionalInteger,
      ignored: optionalInteger,
      cacheHit: optionalInteger,
      cacheMiss: optionalInteger,
    },
  },
  upload: {
    maxParallelSnapshots: optionalInteger,
    maxParallelFileReads: optionalInteger,
    parallelUploadAboveSize: optionalInteger,
  },
  noParent: inheritanceFlag,
};

/** Every setting of a policy: the one table by which policies are read, written and merged. */
export const POLICY_SCHEMA: PolicySectionSchema = SCHEMA as PolicySectionSchema;

export function isSetting(
  node: PolicySetting<unknown> | PolicySectionSchema,
): node is PolicySetting<unknown> {
  return typeof node['read'] === 'function';
}
