import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks, withValues } from './markdown.ts';

/** README's library example, ready to run, and the program that makes the repository it opens. */
export interface ReadmeSnippet {
  /** As README has it, for the type checker. */
  readonly code: string;
  readonly createProgram: string;
  /** {@link code} with folders of `folder` in place of those that README names. */
  readonly program: string;
  /** What the program prints: the file that it reads as a stream. */
  readonly printed: string;
  /** Throws unless the one snapshot was restored as it should be. */
  checkRestored(): void;
}

const CREATE_PROGRAM = `
import { createRepository } from '@longshore/repo';
import { nativeAlgorithms, openFilesystemStorage } from '@longshore/repo/node';
const storage = await openFilesystemStorage({ path: '/mnt/backup', create: true });
await using repository = await createRepository({
  storage,
  password: 'secret',
  algorithms: nativeAlgorithms(),
});
`;

/** Prepares `folder`, which is empty: a small tree and where everything goes. */
export function prepareReadmeSnippet(folder: string): ReadmeSnippet {
  const [code, ...others] = codeBlocks('README.md', 'ts');
  if (code === undefined || others.length > 0) throw new Error('README has one TypeScript block');
  const photos = join(folder, 'photos');
  const restored = join(folder, 'restored');
  const files = new Map([
    ['2026/summer.jpg', 'a summer that was'],
    // Large enough to go by way of the workers.
    ['raw.bin', 'x'.repeat(3_000_000)],
  ]);
  mkdirSync(join(photos, '2026'), { recursive: true });
  for (const [name, text] of files) writeFileSync(join(photos, name), text);
  const values = { '/mnt/backup': join(folder, 'backup') };
  return {
    code,
    createProgram: withValues(CREATE_PROGRAM, values),
    program: withValues(code, {
      ...values,
      '/home/me/photos': photos,
      '/tmp/restored': restored,
    }),
    printed: 'a summer that was',
    checkRestored: () => {
      const [snapshot, ...more] = readdirSync(restored);
      if (snapshot === undefined || more.length > 0) throw new Error('not one snapshot restored');
      for (const [name, text] of files) {
        if (readFileSync(join(restored, snapshot, name), 'utf8') !== text) {
          throw new Error(`${name} was not restored as it was`);
        }
      }
    },
  };
}
