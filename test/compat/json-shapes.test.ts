import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { createSampleTree } from '../sample-tree.ts';
import { jsonShape } from './json-shape.ts';

const kopiaBinary = findKopia();
const PASSWORD = 'shapes';

/** Commands that print JSON and change nothing. Of each the members, their order and their kinds have to be equal. */
const READING: readonly (readonly string[])[] = [
  ['repository', 'status'],
  ['repository', 'throttle', 'get'],
  ['snapshot', 'list'],
  ['snapshot', 'list', '--all', '--show-identical', '--incomplete'],
  ['snapshot', 'list', '--storage-stats'],
  ['snapshot', 'list', '--reverse', '--max-results=1'],
  ['snapshot', 'verify', '--verify-files-percent=100'],
  ['policy', 'list'],
  ['policy', 'show', '--global'],
  ['policy', 'show', 'tester@kopia-host:/elsewhere'],
  ['maintenance', 'info'],
  ['manifest', 'list'],
  ['content', 'list'],
  ['content', 'list', '--long', '--deleted'],
  ['blob', 'list'],
  ['index', 'list'],
];

/**
 * Values that are one thing for both programs: what is stored, not who looks and when. With `--max-results` Kopia's
 * JSON gives the reasons that snapshots would be kept for were those it leaves out not there.
 */
const SAME_VALUES = new Set([
  'snapshot list',
  'snapshot list --all --show-identical --incomplete',
  'policy list',
  'policy show --global',
  'policy show tester@kopia-host:/elsewhere',
  'maintenance info',
  'manifest list',
  'content list',
  'blob list',
]);

/** Without what only longshore tells, which is last, and in the order of blobs, which is no order. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.every(isBlob) ? value.toSorted(byID) : value;
  if (typeof value !== 'object' || value === null) return value;
  const { storageRequests: _, ...rest } = value as Readonly<Record<string, unknown>>;
  return rest;
}

interface ListedBlob {
  readonly id: string;
}

function isBlob(value: unknown): value is ListedBlob {
  return typeof value === 'object' && value !== null && 'id' in value && 'length' in value;
}

function byID(a: ListedBlob, b: ListedBlob): number {
  return a.id < b.id ? -1 : 1;
}

describe.skipIf(isKopiaMissing(kopiaBinary, 'JSON beside that of Kopia', READING.length + 2))(
  'the JSON of',
  () => {
    const world = new CLIWorld();
    let kopia: KopiaClient;

    beforeAll(async () => {
      const tree = world.path('tree');
      createSampleTree(tree, { seed: 3, files: 12 });
      symlinkSync('nowhere', join(tree, 'link'));
      writeFileSync(join(tree, 'large'), Buffer.alloc(300_000, 7));
      const flags = ['--object-splitter=DYNAMIC-128K-BUZHASH'];
      const path = world.folder + '/repo';
      kopia = await KopiaClient.create({ binary: kopiaBinary!, path, password: PASSWORD, flags });
      await kopia.run('snapshot', 'create', tree, '--tags=a:b', '--pin=kept', '--description=one');
      await kopia.run('policy', 'set', tree, '--keep-latest=5', '--add-ignore=*.tmp');
      await kopia.run('policy', 'set', '--global', '--compression=zstd');
      writeFileSync(join(tree, 'more'), 'more');
      await kopia.run('snapshot', 'create', tree);
      await kopia.run('maintenance', 'run', '--full');
      await world.ok(
        [
          'repository',
          'connect',
          'filesystem',
          `--path=${path}`,
          '--override-username=tester',
          '--override-hostname=kopia-host',
        ],
        { env: { KOPIA_PASSWORD: PASSWORD } },
      );
    }, 120_000);
    afterAll(async () => {
      await kopia[Symbol.asyncDispose]();
      world[Symbol.dispose]();
    });

    const both = async (args: readonly string[]): Promise<readonly [unknown, unknown]> => {
      const theirs = await kopia.json<unknown>(...args);
      const ours = await world.json<unknown>(args, { env: { KOPIA_PASSWORD: PASSWORD } });
      return [comparable(ours), comparable(theirs)];
    };

    it.each(READING.map((args) => [args.join(' '), args] as const))(
      '%s has the members of Kopia, in its order',
      async (name, args) => {
        const [ours, theirs] = await both(args);
        expect(JSON.stringify(jsonShape(ours), null, 1)).toBe(
          JSON.stringify(jsonShape(theirs), null, 1),
        );
        if (SAME_VALUES.has(name)) expect(ours).toEqual(theirs);
      },
    );

    it('content show is what Kopia prints of a directory, and of an index object', async () => {
      const listed = await kopia.run('content', 'list');
      const shown = listed.split('\n').filter((id) => id.startsWith('k') || id.startsWith('x'));
      expect(shown.length).toBeGreaterThan(0);
      for (const id of shown.slice(0, 4)) {
        const [ours, theirs] = await both(['content', 'show', id]);
        expect(ours).toEqual(theirs);
      }
    });

    it('snapshot create has the members of Kopia, in its order', async () => {
      const tree = world.path('tree');
      chmodSync(join(tree, 'large'), 0o600);
      const [ours, theirs] = await both([
        'snapshot',
        'create',
        tree,
        '--tags=c:d',
        '--pin=kept',
        '--description=two',
      ]);
      expect(JSON.stringify(jsonShape(ours), null, 1)).toBe(
        JSON.stringify(jsonShape(theirs), null, 1),
      );
    });
  },
);
