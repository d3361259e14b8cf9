import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';

const kopiaBinary = findKopia();

/** Of `policy set`, one call after the other for the same target. */
const CALLS: readonly (readonly (readonly string[])[])[] = [
  [
    [
      '--snapshot-interval=1h30m',
      '--snapshot-time=22:05,7:05',
      '--snapshot-time=07:05',
      '--snapshot-time-crontab= 0 5 * * *;; @daily # each night ',
      '--run-missed=false',
      '--before-folder-action=/bin/run',
      '--action-command-timeout=90s',
      '--enable-volume-shadow-copy=when-available',
      '--log-dir-snapshotted=1',
      '--log-dir-ignored=2',
      '--log-entry-cache-miss=7',
      '--log-entry-cache-hit=0',
    ],
    [
      '--snapshot-interval=0s',
      '--snapshot-time=1:30, 2:5',
      '--run-missed=true',
      '--before-folder-action=',
      '--after-folder-action=-',
      '--enable-volume-shadow-copy=always',
      '--log-entry-cache-miss=inherit',
    ],
  ],
  [
    ['--snapshot-time=3:00', '--snapshot-time-crontab=*/5 * * * *'],
    ['--snapshot-time=inherit', '--snapshot-time-crontab=inherit', '--keep-latest=3'],
    ['--manual'],
  ],
  [['--manual'], ['--snapshot-interval=5m', '--no-manual']],
  [['--manual'], ['--run-missed=true']],
  [
    [
      '--after-folder-action=run --x=1 "two words" "say ""hi""" last',
      '--action-command-mode=async',
      '--log-entry-snapshotted=3',
      '--log-entry-ignored=0',
    ],
    ['--before-snapshot-root-action=SCRIPT', '--persist-action-script'],
    ['--after-snapshot-root-action=a', '--action-command-mode=optional'],
  ],
  [
    [
      '--add-ignore=*.o',
      '--add-ignore=!k.o',
      '--add-dot-ignore=.no',
      '--max-file-size=12',
      '--compression=zstd',
      '--compression-min-size=1',
      '--add-never-compress=.gz',
      '--add-only-compress=.txt',
      '--metadata-compression=none',
      '--compression-max-size=9',
      '--parallel-upload-above-size-mib=5',
      '--max-parallel-file-reads=2',
    ],
    [
      '--remove-ignore=*.o',
      '--clear-dot-ignore',
      '--one-file-system=true',
      '--ignore-cache-dirs=false',
      '--ignore-file-errors=true',
      '--ignore-dir-errors=inherit',
      '--ignore-unknown-types=false',
      '--ignore-identical-snapshots=true',
      '--inherit=false',
      '--keep-annual=0',
      '--splitter=FIXED-1M',
      '--remove-only-compress=.txt',
    ],
  ],
];

describe.skipIf(isKopiaMissing(kopiaBinary, 'flags of policies against Kopia', CALLS.length))(
  'policy set',
  () => {
    const world = new CLIWorld();
    let kopia: KopiaClient;

    beforeAll(async () => {
      const path = world.path('repo');
      mkdirSync(path);
      writeFileSync(world.path('script'), '#!/bin/sh\necho "<&>"\n');
      kopia = await KopiaClient.create({ binary: kopiaBinary!, path, password: 'secret' });
      const identity = ['--override-username=tester', '--override-hostname=kopia-host'];
      await world.ok(['repository', 'connect', 'filesystem', `--path=${path}`, ...identity]);
    });

    afterAll(async () => {
      await kopia[Symbol.asyncDispose]();
      world[Symbol.dispose]();
    });

    it.each(CALLS.map((calls, index) => [index, calls] as const))(
      'stores what Kopia stores for the same flags: %i',
      async (index, calls) => {
        const theirs = `/kopia/${index}`;
        const ours = `/longshore/${index}`;
        for (const call of calls) {
          const flags = call.map((flag) => flag.replace('SCRIPT', world.path('script')));
          await kopia.run('policy', 'set', theirs, ...flags);
          await world.ok(['policy', 'set', ours, ...flags]);
        }
        const exported = await kopia.run('policy', 'export', theirs, ours);
        const stored = JSON.parse(exported) as Record<string, unknown>;
        const [theirPolicy, ourPolicy] = [theirs, ours].map(
          (path) => stored[`tester@kopia-host:${path}`],
        );
        expect(theirPolicy).toBeDefined();
        expect(ourPolicy).toEqual(theirPolicy);
      },
    );
  },
);
