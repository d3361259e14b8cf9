import { randomFillSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

/** At this speed the upload takes far longer than the test waits between two signals. */
const BYTES_PER_SECOND = 2_000_000;
const FILES = 40;
const FILE_BYTES = 2_000_000;

interface Snapshot {
  readonly incomplete?: string;
  readonly rootEntry: { readonly summ: { readonly files: number } };
}

describe('an interrupted backup', () => {
  const world = new CLIWorld();

  beforeAll(async () => {
    mkdirSync(world.path('source'));
    for (let i = 0; i < FILES; i++) {
      const data = randomFillSync(Buffer.alloc(FILE_BYTES));
      writeFileSync(world.path('source', `file-${i}`), data);
    }
    await world.ok([
      'repository',
      'create',
      'filesystem',
      `--path=${world.path('repo')}`,
      `--max-upload-speed=${BYTES_PER_SECOND}`,
    ]);
  });

  afterAll(() => world[Symbol.dispose]());

  /** Interrupts once the upload has begun, and again if `twice`. */
  function interrupt(twice: boolean): ReturnType<CLIWorld['run']> {
    let interrupted = 0;
    return world.run(['snapshot', 'create', 'source', '--parallel=1'], {
      onStderr: (text, kill) => {
        if (interrupted === 0 && text.includes('Snapshotting')) {
          interrupted = 1;
          kill();
        }
        if (twice && interrupted === 1 && text.includes('Ending in order')) {
          interrupted = 2;
          kill();
        }
      },
    });
  }

  it('keeps nothing when it is interrupted twice', async () => {
    const { code, stderr } = await interrupt(true);
    expect(code).toBe(130);
    expect(stderr).toContain(
      'longshore: interrupted; nothing that was not finished has been kept\n',
    );
    expect(await world.json(['snapshot', 'list', '--incomplete'])).toEqual([]);
  });

  it('keeps what is done when it is interrupted once, and is usable', async () => {
    const { code, stderr } = await interrupt(false);
    expect(code).toBe(0);
    expect(stderr).toContain('Created partial snapshot with root');
    const [snapshot] = await world.json<readonly Snapshot[]>(['snapshot', 'list']);
    expect(snapshot).toMatchObject({ incomplete: 'canceled' });
    expect(snapshot!.rootEntry.summ.files).toBeLessThan(FILES);
    await world.ok(['snapshot', 'verify', '--verify-files-percent=100']);
  });
});
