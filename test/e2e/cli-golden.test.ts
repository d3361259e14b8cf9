import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyGolden, goldenRepositories, type GoldenRepository } from '../golden.ts';
import { CLIWorld } from './cli-world.ts';

/** One of each format version, one with error correction, one whose snapshot is a file. */
const NAMES = ['format-blake2b-256-v1', 'lived-in-v2', 'ecc-2-v3', 'single-file-and-stdin'];

const found = goldenRepositories();
const chosen = found.filter(({ name }) => NAMES.includes(name));
/** Without the shared folder: the project's own. */
const goldens = chosen.length > 0 ? chosen : found;

describe.each(goldens.map((golden) => [golden.name, golden] as const))(
  'what the program prints of %s',
  (_name, { expected, ...golden }: GoldenRepository) => {
    const world = new CLIWorld();
    const repository = copyGolden({ expected, ...golden });
    const env = { KOPIA_PASSWORD: expected.password };
    const json = <T>(...args: readonly string[]): Promise<T> => world.json<T>(args, { env });

    beforeAll(async () => {
      await world.ok(
        [
          'repository',
          'connect',
          'filesystem',
          `--path=${repository}`,
          '--override-hostname=host-a',
          '--override-username=user-a',
        ],
        { env },
      );
    });

    afterAll(() => {
      world[Symbol.dispose]();
      rmSync(repository, { recursive: true, force: true });
    });

    it('is the status that Kopia prints', async () => {
      const { configFile, volume, storage, ...status } = await json<Record<string, unknown>>(
        'repository',
        'status',
      );
      expect(configFile).toBe(world.configFile);
      expect(volume).toEqual({ capacity: expect.any(Number), available: expect.any(Number) });
      expect(storage).toMatchObject({ type: 'filesystem', config: { path: repository } });
      const { storage: _, ...wanted } = expected.status;
      expect(status).toEqual({
        ...wanted,
        clientOptions: {
          ...(wanted['clientOptions'] as object),
          description: `Repository in Filesystem: ${repository}`,
        },
      });
    });

    it('are the snapshots, with all that is known about them', async () => {
      expect(await json('snapshot', 'list', '--all')).toEqual(expected.snapshots);
    });

    it('are the manifests, oldest first', async () => {
      expect(await json('manifest', 'list')).toEqual(expected.manifests);
    });

    it('are the contents, deleted ones too', async () => {
      expect(await json('content', 'list', '--deleted')).toEqual(expected.contents);
    });

    it('are the policies', async () => {
      expect(await json('policy', 'list')).toEqual(expected.policies);
    });

    it('are the blobs, in any order', async () => {
      const blobs = await json<readonly Record<string, unknown>[]>('blob', 'list');
      expect(byID(blobs)).toEqual(byID(expected.blobs));
    });

    it('says that all of it is sound', async () => {
      const { stdout, stderr } = await world.ok(
        ['snapshot', 'verify', '--verify-files-percent=100'],
        { env },
      );
      expect(stdout).toBe('');
      expect(stderr).toMatch(
        /^Finished processing \d+ objects .* Read \d+ files .*\nStorage requests: \d+ list, \d+ get; 0 B up, .* down\n$/,
      );
    });
  },
);

function byID(blobs: readonly Record<string, unknown>[]): unknown {
  return blobs
    .map(({ id, length }) => ({ id, length }))
    .sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
}
