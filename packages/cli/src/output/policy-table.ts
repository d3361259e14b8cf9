import {
  formatSource,
  sameSource,
  type EffectivePolicy,
  type Policy,
  type SourceInfo,
} from '@longshore/snapshot';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { formatBytes } from './units.ts';

interface Row {
  readonly label: string;
  readonly value?: string;
  readonly origin?: string;
}

const GAP = '   ';
const SHADOW_COPY_MODES = ['never', 'always', 'when-available'];

/** A policy for people: each setting, its value and where it comes from. */
export function policyLines(target: SourceInfo, effective: EffectivePolicy): readonly string[] {
  const table = new PolicyTable(target, effective);
  return align(
    [
      table.retention(),
      table.files(),
      table.errors(),
      table.scheduling(),
      table.uploads(),
      table.compression(),
      table.metadataCompression(),
      table.splitter(),
      table.actions(),
      table.operatingSystem(),
      table.logging(),
    ].flatMap((section, index) => (index === 0 ? section : [{ label: '' }, ...section])),
  );
}

class PolicyTable {
  readonly #target: SourceInfo;
  readonly #origins: EffectivePolicy['origins'];
  readonly #policy: Policy;

  constructor(target: SourceInfo, { policy, origins }: EffectivePolicy) {
    this.#target = target;
    this.#origins = origins;
    this.#policy = policy;
  }

  retention(): readonly Row[] {
    const { retention } = this.#policy;
    return [
      { label: 'Retention:' },
      this.#number('  Annual snapshots:', 'retention.keepAnnual', retention.keepAnnual),
      this.#number('  Monthly snapshots:', 'retention.keepMonthly', retention.keepMonthly),
      this.#number('  Weekly snapshots:', 'retention.keepWeekly', retention.keepWeekly),
      this.#number('  Daily snapshots:', 'retention.keepDaily', retention.keepDaily),
      this.#number('  Hourly snapshots:', 'retention.keepHourly', retention.keepHourly),
      this.#number('  Latest snapshots:', 'retention.keepLatest', retention.keepLatest),
      this.#row(
        '  Ignore identical snapshots:',
        'retention.ignoreIdenticalSnapshots',
        retention.ignoreIdenticalSnapshots ?? false,
      ),
    ];
  }

  files(): readonly Row[] {
    const { files } = this.#policy;
    const rules = files.ignore ?? [];
    const names = files.ignoreDotFiles ?? [];
    return [
      { label: 'Files policy:' },
      this.#row(
        '  Ignore cache directories:',
        'files.ignoreCacheDirs',
        files.ignoreCacheDirs ?? true,
      ),
      ...(rules.length === 0
        ? [{ label: '  No ignore rules:' }]
        : [this.#heading('  Ignore rules:', 'files.ignore'), ...items(rules)]),
      ...(names.length === 0
        ? []
        : [
            this.#heading('  Read ignore rules from files:', 'files.ignoreDotFiles'),
            ...items(names),
          ]),
      ...(files.maxFileSize === undefined
        ? []
        : [
            this.#row('  Ignore files above:', 'files.maxFileSize', formatBytes(files.maxFileSize)),
          ]),
      this.#row('  Scan one filesystem only:', 'files.oneFileSystem', files.oneFileSystem ?? false),
    ];
  }

  errors(): readonly Row[] {
    const { errorHandling } = this.#policy;
    const row = (label: string, name: keyof typeof errorHandling, fallback: boolean): Row =>
      this.#row(label, `errorHandling.${name}`, errorHandling[name] ?? fallback);
    return [
      { label: 'Error handling policy:' },
      row('  Ignore file read errors:', 'ignoreFileErrors', false),
      row('  Ignore directory read errors:', 'ignoreDirectoryErrors', false),
      row('  Ignore unknown types:', 'ignoreUnknownTypes', true),
    ];
  }

  scheduling(): readonly Row[] {
    const { scheduling } = this.#policy;
    const { intervalSeconds = 0, timeOfDay = [], cron = [], runMissed = false } = scheduling;
    const times = timeOfDay.map(({ hour, min }) => `${hour}:${String(min).padStart(2, '0')}`);
    const planned: readonly Row[] = [
      ...(intervalSeconds === 0
        ? []
        : [
            this.#row(
              '    Snapshot interval:',
              'scheduling.intervalSeconds',
              formatGoDuration(BigInt(intervalSeconds) * 1_000_000_000n),
            ),
          ]),
      ...(times.length === 0
        ? []
        : [
            this.#row('  Run missed snapshots:', 'scheduling.runMissed', runMissed),
            this.#heading('  Snapshot times:', 'scheduling.timeOfDay'),
            ...items(times),
          ]),
      ...(cron.length === 0
        ? []
        : [this.#heading('  Crontab expressions:', 'scheduling.cron'), ...items(cron)]),
    ];
    return [
      { label: 'Scheduling policy:' },
      { label: '  Scheduled snapshots:' },
      ...(planned.length === 0 ? [{ label: '    None.' }] : planned),
      this.#row('  Manual snapshot:', 'scheduling.manual', scheduling.manual ?? false),
    ];
  }

  uploads(): readonly Row[] {
    const { upload } = this.#policy;
    const { parallelUploadAboveSize: partSize } = upload;
    return [
      { label: 'Uploads:' },
      this.#number(
        '  Max parallel snapshots (server/UI):',
        'upload.maxParallelSnapshots',
        upload.maxParallelSnapshots,
      ),
      this.#number(
        '  Max parallel file reads:',
        'upload.maxParallelFileReads',
        upload.maxParallelFileReads,
      ),
      this.#row(
        '  Parallel upload above size:',
        'upload.parallelUploadAboveSize',
        partSize === undefined ? '-' : formatBytes(partSize),
      ),
    ];
  }

  compression(): readonly Row[] {
    const { compression } = this.#policy;
    const { compressorName = '', onlyCompress = [], neverCompress = [] } = compression;
    if (isNone(compressorName)) return [{ label: 'Compression disabled.' }];
    return [
      { label: 'Compression:' },
      this.#row('  Compressor:', 'compression.compressorName', compressorName),
      ...this.#extensions(onlyCompress, neverCompress),
      { label: sizeRange(compression.minSize ?? 0, compression.maxSize ?? 0) },
    ];
  }

  metadataCompression(): readonly Row[] {
    const { compressorName = '' } = this.#policy.metadataCompression;
    if (isNone(compressorName)) return [{ label: 'Metadata compression disabled.' }];
    return [
      { label: 'Metadata compression:' },
      this.#row('  Compressor:', 'metadataCompression.compressorName', compressorName),
    ];
  }

  splitter(): readonly Row[] {
    const { algorithm = '(repository default)' } = this.#policy.splitter;
    return [
      { label: 'Splitter:' },
      this.#row('  Algorithm override:', 'splitter.algorithm', algorithm),
    ];
  }

  actions(): readonly Row[] {
    const { actions } = this.#policy;
    const places = [
      ['Run command before snapshot root:', 'beforeSnapshotRoot'],
      ['Run command after snapshot root:', 'afterSnapshotRoot'],
      ['Run command before this folder:', 'beforeFolder'],
      ['Run command after this folder:', 'afterFolder'],
    ] as const;
    const rows = places.flatMap(([label, name]): readonly Row[] => {
      const action = actions[name];
      if (action === undefined) return [];
      const { path = '', args = [], script, mode = 'sync', timeout = 0 } = action;
      return [
        this.#heading(label, `actions.${name}`),
        ...(script === undefined
          ? [{ label: '  Command:' }, { label: `    ${[path, ...args].join(' ')}` }]
          : [{ label: '  Embedded script (stored in repository):' }, ...items(script.split('\n'))]),
        { label: '  Mode:', value: mode },
        { label: '  Timeout:', value: formatGoDuration(BigInt(timeout) * 1_000_000_000n) },
        { label: '' },
      ];
    });
    return rows.length === 0 ? [{ label: 'No actions defined.' }] : rows;
  }

  operatingSystem(): readonly Row[] {
    const { enable = 0 } = this.#policy.osSnapshots.volumeShadowCopy;
    return [
      { label: 'OS-level snapshot support:' },
      this.#row(
        '  Volume Shadow Copy:',
        'osSnapshots.volumeShadowCopy.enable',
        SHADOW_COPY_MODES[enable] ?? String(enable),
      ),
    ];
  }

  logging(): readonly Row[] {
    const { directories, entries } = this.#policy.logging;
    const row = (label: string, path: string, level = 0): Row =>
      this.#row(label, `logging.${path}`, level);
    return [
      { label: 'Logging details (0-none, 10-maximum):' },
      row('  Directory snapshotted:', 'directories.snapshotted', directories.snapshotted),
      row('  Directory ignored:', 'directories.ignored', directories.ignored),
      row('  Entry snapshotted:', 'entries.snapshotted', entries.snapshotted),
      row('  Entry ignored:', 'entries.ignored', entries.ignored),
      row('  Entry cache hit:', 'entries.cacheHit', entries.cacheHit),
      row('  Entry cache miss:', 'entries.cacheMiss', entries.cacheMiss),
    ];
  }

  #extensions(only: readonly string[], never: readonly string[]): readonly Row[] {
    if (only.length > 0) {
      return [
        this.#heading(
          '  Only compress files with the following extensions:',
          'compression.onlyCompress',
        ),
        ...only.map((extension) => ({ label: `     - ${extension}` })),
      ];
    }
    if (never.length > 0) {
      return [
        this.#heading(
          '  Compress all files except the following extensions:',
          'compression.neverCompress',
        ),
        ...items(never),
      ];
    }
    return [{ label: '  Compress files regardless of extensions.' }];
  }

  #number(label: string, path: string, value: number | undefined): Row {
    return this.#row(label, path, value ?? '-');
  }

  #row(label: string, path: string, value: string | number | boolean): Row {
    return { label, value: String(value), origin: this.#origin(path) };
  }

  #heading(label: string, path: string): Row {
    return { label, origin: this.#origin(path) };
  }

  /** What no policy sets comes from the built-in defaults, which stand behind the global policy. */
  #origin(path: string): string {
    const origin = this.#origins.get(path) ?? 'default';
    const source: SourceInfo = origin === 'default' ? { host: '', userName: '', path: '' } : origin;
    return sameSource(source, this.#target)
      ? '(defined for this target)'
      : `inherited from ${formatSource(source)}`;
  }
}

function isNone(compressorName: string): boolean {
  return compressorName === '' || compressorName === 'none';
}

function sizeRange(minSize: number, maxSize: number): string {
  if (maxSize > 0) {
    return `  Only compress files between ${formatBytes(minSize)} and ${formatBytes(maxSize)}.`;
  }
  return minSize > 0
    ? `  Only compress files bigger than ${formatBytes(minSize)}.`
    : '  Compress files of all sizes.';
}

function items(texts: readonly string[]): readonly Row[] {
  return texts.map((text) => ({ label: `    ${text}` }));
}

/** Values end in one column, origins begin in one. */
function align(rows: readonly Row[]): readonly string[] {
  const width = Math.max(
    ...rows.flatMap(({ label, value }) =>
      value === undefined ? [] : [label.length + GAP.length + value.length],
    ),
  );
  return rows.map(({ label, value = '', origin }) => {
    if (value === '' && origin === undefined) return label;
    const padded = `${label}${' '.repeat(Math.max(0, width - label.length - value.length))}${value}`;
    return origin === undefined ? padded : `${padded}${GAP}${origin}`;
  });
}
