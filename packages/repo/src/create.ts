import type { BlobStorage } from './blob/storage.ts';
import { createSystemClock, webRandomSource } from './clock.ts';
import { createFormat, type CreateFormatOptions } from './format/create-format.ts';
import { openWithFormat, type OpenOptions } from './open.ts';
import { OpenWritableRepository } from './repository.ts';
import { invariant } from './errors.ts';

export type CreateOptions = OpenOptions<BlobStorage> &
  Omit<CreateFormatOptions, 'algorithms' | 'clock' | 'random'>;

/**
 * Creates a repository on an empty storage and opens it. It holds nothing yet: Kopia's tools also expect a
 * global policy and maintenance parameters, which `initializeRepository` of `@longshore/snapshot` stores.
 */
export async function createRepository(options: CreateOptions): Promise<OpenWritableRepository> {
  const clock = options.clock ?? createSystemClock();
  const random = options.random ?? webRandomSource;
  const algorithms =
    options.algorithms ?? (await import('./portable-algorithms.ts')).portableAlgorithms();
  const formatManager = await createFormat(options.storage, {
    ...options,
    algorithms,
    clock,
    random,
  });
  const repository = await openWithFormat(formatManager, { ...options, algorithms, clock, random });
  invariant(repository instanceof OpenWritableRepository, 'a new repository is writable');
  return repository;
}
