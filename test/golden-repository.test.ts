import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  encodeGoJSON,
  openRepository,
  parseContentID,
  parseGoTime,
  parseManifestID,
  type OpenRepository,
} from '@longshore/repo';
import { nativeAlgorithms, openFilesystemStorage } from '@longshore/repo/node';
import { listPolicies, listSnapshots, policyPayload } from '@longshore/snapshot';
import { snapshotPayload } from '../packages/snapshot/src/snapshot-manifest.ts';
import { goldenRepositories } from './golden.ts';

const goldens = goldenRepositories();

function sortedByID<T extends { readonly id?: unknown }>(list: readonly T[]): readonly T[] {
  return [...list].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
}

it('there are golden repositories', () => {
  expect(goldens.length).toBeGreaterThan(0);
});

describe.each(goldens)('$name', ({ path, expected }) => {
  let repository: OpenRepository;

  beforeAll(async () => {
    repository = await openRepository({
      storage: await openFilesystemStorage({ path }),
      password: expected.password,
      algorithms: nativeAlgorithms(),
    });
  });

  afterAll(() => repository[Symbol.asyncDispose]());

  it('has the format that Kopia reports', () => {
    const { contents, uniqueID, formatManager } = repository;
    const { format } = contents;
    const { epochParameters: epochs, ecc } = format;
    const { uniqueIDHex, contentFormat, objectFormat, blobRetention } = expected.status;
    expect(uniqueID).toBe(uniqueIDHex);
    expect({
      hash: format.hash,
      encryption: format.encryption,
      ...(ecc === undefined ? {} : { ecc: ecc.algorithm, eccOverheadPercent: ecc.overheadPercent }),
      version: format.version,
      maxPackSize: format.maxPackSize,
      indexVersion: format.indexVersion,
      epochParameters: {
        Enabled: epochs.enabled,
        EpochRefreshFrequency: Number(epochs.epochRefreshFrequency),
        FullCheckpointFrequency: epochs.fullCheckpointFrequency,
        CleanupSafetyMargin: Number(epochs.cleanupSafetyMargin),
        MinEpochDuration: Number(epochs.minEpochDuration),
        EpochAdvanceOnCountThreshold: epochs.epochAdvanceOnCountThreshold,
        EpochAdvanceOnTotalSizeBytesThreshold: epochs.epochAdvanceOnTotalSizeBytesThreshold,
        DeleteParallelism: epochs.deleteParallelism,
      },
      enablePasswordChange: format.enablePasswordChange,
    }).toEqual(contentFormat);
    expect({ splitter: format.splitter }).toEqual(objectFormat);
    expect(blobRetention).toEqual({});
    expect(formatManager.blobConfiguration).toBeUndefined();
  });

  it('opens every content, each with the bytes that its ID is the hash of', async () => {
    const lengths = new Map<string, number>();
    const ids = [...repository.contents.iterateContents()].map(({ contentID }) => contentID);
    await repository.contents.readContents(ids, (id, data) => void lengths.set(id, data.length));
    expect(Object.fromEntries(lengths)).toEqual(
      Object.fromEntries(
        expected.contents
          .filter(({ deleted }) => deleted === false)
          .map(({ contentID, originalLength }) => [contentID, originalLength]),
      ),
    );
  });

  it('still opens contents that are marked as deleted while their packs are there', async () => {
    const packs = new Set(expected.blobs.map(({ id }) => id));
    const deleted = expected.contents.filter(
      ({ deleted, packFile }) => deleted && packs.has(packFile),
    );
    for (const { contentID, originalLength } of deleted) {
      const content = await repository.contents.getContent(parseContentID(String(contentID)));
      expect(content.length).toBe(originalLength);
    }
  });

  it('has the manifests that Kopia lists', async () => {
    const found = [];
    for (const type of new Set(expected.manifests.map(({ labels }) => Object(labels).type))) {
      for (const entry of await repository.findManifests({ type: String(type) })) {
        const { id, length, labels, modified } = entry;
        found.push({ id, length, labels: { ...labels }, modified });
      }
    }
    expect(sortedByID(found)).toEqual(
      sortedByID(
        expected.manifests.map(({ id, length, labels, mtime }) => ({
          id,
          length,
          labels,
          modified: parseGoTime(String(mtime), 'mtime'),
        })),
      ),
    );
  });

  it('would store each snapshot again as Kopia did', async () => {
    const byID = new Map(expected.snapshots.map((snapshot) => [String(snapshot['id']), snapshot]));
    const found = await listSnapshots(repository);
    expect(found.map(({ id }) => id as string).sort()).toEqual([...byID.keys()].sort());
    for (const snapshot of found) {
      const { entry, payload } = await repository.getManifest(snapshot.id);
      const { retentionReason: _, ...stored } = { ...byID.get(snapshot.id), id: '' } as Record<
        string,
        unknown
      >;
      expect(payload).toEqual(stored);
      const encoded = encodeGoJSON(snapshotPayload(snapshot));
      expect(JSON.parse(encoded)).toEqual(stored);
      expect(new TextEncoder().encode(encoded).length).toBe(entry.length);
    }
  });

  it('would store each policy again as Kopia did', async () => {
    const found = await listPolicies(repository);
    const stored = found.map(({ id, target, policy }) => {
      const payload = JSON.parse(encodeGoJSON(policyPayload(policy))) as object;
      return { id, target: { ...target }, ...payload };
    });
    expect(sortedByID(stored)).toEqual(sortedByID(expected.policies));
    for (const { id, policy } of found) {
      const { entry } = await repository.getManifest(parseManifestID(id));
      const encoded = new TextEncoder().encode(encodeGoJSON(policyPayload(policy)));
      expect(encoded.length).toBe(entry.length);
    }
  });
});
