import { group, leaf, type CommandGroup, type CommandNode } from './grammar/command-tree.ts';

/*
 * Every command. To add one: a file in commands/ that exports `command`, and a line here.
 */

const connectFlags = () =>
  import('./commands/connect-flags.ts').then(({ CONNECT_FLAGS }) => ({
    groupFlags: CONNECT_FLAGS,
  }));
const createFlags = () =>
  import('./commands/create-flags.ts').then(({ CREATE_FLAGS }) => ({ groupFlags: CREATE_FLAGS }));
const repairFlags = () =>
  import('./commands/repair-flags.ts').then(({ REPAIR_FLAGS }) => ({ groupFlags: REPAIR_FLAGS }));

const syncFlags = () =>
  import('./commands/sync-run.ts').then(({ SYNC_FLAGS }) => ({ groupFlags: SYNC_FLAGS }));

const repository: CommandNode = group(
  'repository',
  'Create, connect and manage repositories.',
  [
    group(
      'connect',
      'Connect this machine to a repository.',
      [
        leaf('filesystem', () => import('./commands/repository-connect-filesystem.ts')),
        leaf('s3', () => import('./commands/repository-connect-s3.ts')),
        leaf('from-config', () => import('./commands/repository-connect-from-config.ts')),
      ],
      { flags: connectFlags },
    ),
    group(
      'create',
      'Create a repository and connect to it.',
      [
        leaf('filesystem', () => import('./commands/repository-create-filesystem.ts')),
        leaf('s3', () => import('./commands/repository-create-s3.ts')),
      ],
      { flags: createFlags },
    ),
    leaf('disconnect', () => import('./commands/repository-disconnect.ts')),
    leaf('status', () => import('./commands/repository-status.ts')),
    leaf('change-password', () => import('./commands/repository-change-password.ts')),
    leaf('set-client', () => import('./commands/repository-set-client.ts')),
    leaf('set-parameters', () => import('./commands/repository-set-parameters.ts'), {
      aliases: ['set-params'],
    }),
    group(
      'sync-to',
      'Copy the repository to another storage.',
      [
        leaf('filesystem', () => import('./commands/repository-sync-to-filesystem.ts')),
        leaf('s3', () => import('./commands/repository-sync-to-s3.ts')),
      ],
      { flags: syncFlags },
    ),
    group('upgrade', 'Bring the repository to the newest format version.', [
      leaf('begin', () => import('./commands/repository-upgrade-begin.ts')),
      leaf('rollback', () => import('./commands/repository-upgrade-rollback.ts')),
      leaf('validate', () => import('./commands/repository-upgrade-validate.ts')),
    ]),
    leaf('heal', () => import('./commands/repository-heal.ts')),
    group('throttle', 'Limit how fast this client may use the storage.', [
      leaf('get', () => import('./commands/repository-throttle-get.ts')),
      leaf('set', () => import('./commands/repository-throttle-set.ts')),
    ]),
    leaf('validate-provider', () => import('./commands/repository-validate-provider.ts')),
    group(
      'repair',
      'Write a lost format blob back.',
      [
        leaf('filesystem', () => import('./commands/repository-repair-filesystem.ts')),
        leaf('s3', () => import('./commands/repository-repair-s3.ts')),
      ],
      { hidden: true, flags: repairFlags },
    ),
  ],
  { aliases: ['repo'] },
);

const snapshot: CommandNode = group(
  'snapshot',
  'Create, list, restore and verify snapshots.',
  [
    leaf('create', () => import('./commands/snapshot-create.ts')),
    leaf('list', () => import('./commands/snapshot-list.ts'), { aliases: ['ls'] }),
    leaf('restore', () => import('./commands/restore.ts')),
    leaf('verify', () => import('./commands/snapshot-verify.ts')),
    leaf('delete', () => import('./commands/snapshot-delete.ts')),
    leaf('expire', () => import('./commands/snapshot-expire.ts')),
    leaf('pin', () => import('./commands/snapshot-pin.ts')),
    leaf('estimate', () => import('./commands/snapshot-estimate.ts')),
    leaf('migrate', () => import('./commands/snapshot-migrate.ts')),
    leaf('copy-history', () => import('./commands/snapshot-copy-history.ts')),
    leaf('move-history', () => import('./commands/snapshot-move-history.ts')),
    group('fix', 'Mend snapshots that lack some of their data.', [
      leaf('invalid-files', () => import('./commands/snapshot-fix-invalid-files.ts')),
      leaf('remove-files', () => import('./commands/snapshot-fix-remove-files.ts')),
    ]),
  ],
  { aliases: ['snap'] },
);

const policy: CommandNode = group(
  'policy',
  'Say what snapshots hold and how long they are kept.',
  [
    leaf('list', () => import('./commands/policy-list.ts'), { aliases: ['ls'] }),
    leaf('show', () => import('./commands/policy-show.ts'), { aliases: ['get'] }),
    leaf('set', () => import('./commands/policy-set.ts')),
    leaf('edit', () => import('./commands/policy-edit.ts')),
    leaf('delete', () => import('./commands/policy-delete.ts'), { aliases: ['remove', 'rm'] }),
    leaf('export', () => import('./commands/policy-export.ts')),
    leaf('import', () => import('./commands/policy-import.ts')),
  ],
  { aliases: ['policies'] },
);

const maintenance: CommandNode = group(
  'maintenance',
  'Keep the repository small and fast.',
  [
    leaf('info', () => import('./commands/maintenance-info.ts'), { aliases: ['status'] }),
    leaf('run', () => import('./commands/maintenance-run.ts')),
    leaf('set', () => import('./commands/maintenance-set.ts')),
  ],
  { aliases: ['gc'] },
);

const manifest: CommandNode = group(
  'manifest',
  'Look at manifests.',
  [
    leaf('list', () => import('./commands/manifest-list.ts'), { aliases: ['ls'] }),
    leaf('show', () => import('./commands/manifest-show.ts')),
    leaf('delete', () => import('./commands/manifest-delete.ts'), {
      aliases: ['remove', 'rm'],
      hidden: true,
    }),
  ],
  { hidden: true },
);

const content: CommandNode = group(
  'content',
  'Look at contents.',
  [
    leaf('list', () => import('./commands/content-list.ts'), { aliases: ['ls'] }),
    leaf('show', () => import('./commands/content-show.ts'), { aliases: ['cat'] }),
    leaf('stats', () => import('./commands/content-stats.ts')),
    leaf('verify', () => import('./commands/content-verify.ts')),
    leaf('rewrite', () => import('./commands/content-rewrite.ts'), { hidden: true }),
    leaf('delete', () => import('./commands/content-delete.ts'), {
      aliases: ['remove', 'rm'],
      hidden: true,
    }),
  ],
  { aliases: ['contents'], hidden: true },
);

const blob: CommandNode = group(
  'blob',
  'Look at blobs.',
  [
    leaf('list', () => import('./commands/blob-list.ts'), { aliases: ['ls'] }),
    leaf('show', () => import('./commands/blob-show.ts'), { aliases: ['cat'] }),
    leaf('stats', () => import('./commands/blob-stats.ts')),
    leaf('gc', () => import('./commands/blob-gc.ts'), { hidden: true }),
    leaf('delete', () => import('./commands/blob-delete.ts'), {
      aliases: ['remove', 'rm'],
      hidden: true,
    }),
    group(
      'shards',
      'Change how a folder holds blobs.',
      [
        leaf('modify', () => import('./commands/blob-shards-modify.ts'), {
          aliases: ['reshard'],
          hidden: true,
        }),
      ],
      { hidden: true },
    ),
  ],
  { hidden: true },
);

const index: CommandNode = group(
  'index',
  'Look at content indexes, and recover them from packs.',
  [
    leaf('list', () => import('./commands/index-list.ts'), { aliases: ['ls'] }),
    leaf('inspect', () => import('./commands/index-inspect.ts')),
    group(
      'epoch',
      'Look at the epochs of the index.',
      [leaf('list', () => import('./commands/index-epoch-list.ts'))],
      { hidden: true },
    ),
    leaf('recover', () => import('./commands/index-recover.ts')),
    leaf('optimize', () => import('./commands/index-optimize.ts'), { hidden: true }),
  ],
  { hidden: true },
);

const session: CommandNode = group(
  'session',
  'Look at write sessions.',
  [leaf('list', () => import('./commands/session-list.ts'), { aliases: ['ls'] })],
  { hidden: true },
);

const logs: CommandNode = group(
  'logs',
  'Look at the logs that Kopia keeps in the repository.',
  [
    leaf('list', () => import('./commands/logs-list.ts'), { aliases: ['ls'] }),
    leaf('show', () => import('./commands/logs-show.ts'), { aliases: ['cat'] }),
    leaf('cleanup', () => import('./commands/logs-cleanup.ts')),
  ],
  { aliases: ['log'], hidden: true },
);

const cache: CommandNode = group(
  'cache',
  'Look at the cache, empty or change it.',
  [
    leaf('info', () => import('./commands/cache-info.ts')),
    leaf('clear', () => import('./commands/cache-clear.ts')),
    leaf('set', () => import('./commands/cache-set.ts')),
    leaf('sync', () => import('./commands/cache-sync.ts')),
    leaf('prefetch', () => import('./commands/cache-prefetch.ts')),
  ],
  { hidden: true },
);

const completion: CommandNode = group('completion', 'Complete command lines in a shell.', [
  leaf('bash', () => import('./commands/completion-bash.ts')),
  leaf('zsh', () => import('./commands/completion-zsh.ts')),
  leaf('fish', () => import('./commands/completion-fish.ts')),
]);

const benchmark: CommandNode = group('benchmark', 'Measure algorithms on this machine.', [
  leaf('hashing', () => import('./commands/benchmark-hashing.ts'), { aliases: ['hash'] }),
  leaf('encryption', () => import('./commands/benchmark-encryption.ts')),
  leaf('splitter', () => import('./commands/benchmark-splitter.ts')),
  leaf('compression', () => import('./commands/benchmark-compression.ts')),
  leaf('crypto', () => import('./commands/benchmark-crypto.ts')),
  leaf('ecc', () => import('./commands/benchmark-ecc.ts')),
]);

export const commandTree: CommandGroup = group(
  '',
  'longshore backs up folders into repositories that Kopia can read, and reads those that Kopia wrote.',
  [
    leaf('help', () => import('./commands/help.ts')),
    leaf('quickstart', () => import('./commands/quickstart.ts')),
    repository,
    snapshot,
    leaf('restore', () => import('./commands/restore.ts')),
    leaf('list', () => import('./commands/list.ts'), { aliases: ['ls'] }),
    leaf('show', () => import('./commands/show.ts'), { aliases: ['cat'] }),
    leaf('diff', () => import('./commands/diff.ts'), { aliases: ['compare'] }),
    leaf('mount', () => import('./commands/mount.ts')),
    leaf('verify', () => import('./commands/verify.ts')),
    policy,
    maintenance,
    leaf('doctor', () => import('./commands/doctor.ts')),
    manifest,
    content,
    blob,
    index,
    session,
    logs,
    cache,
    benchmark,
    completion,
  ],
);
