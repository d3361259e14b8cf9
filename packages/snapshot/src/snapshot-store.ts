import {
  loadManifests,
  LongshoreError,
  type AbortOptions,
  type Labels,
  type ManifestID,
  type Repository,
  type RepositoryWriter,
} from '@longshore/repo';
import {
  parseSnapshotManifest,
  snapshotPayload,
  type SnapshotDraft,
  type SnapshotManifest,
} from './snapshot-manifest.ts';
import { formatSource, snapshotLabels, type SourceInfo } from './source-info.ts';

/** Every snapshot of a source, or of all sources, in the order in which their manifests were written. */
export async function listSnapshots(
  repository: Repository,
  source?: SourceInfo,
  options: AbortOptions = {},
): Promise<readonly SnapshotManifest[]> {
  const labels: Labels = source === undefined ? { type: 'snapshot' } : snapshotLabels(source);
  return (await loadManifests(repository, labels, options)).map(parseSnapshotManifest);
}

/** MANIFEST_NOT_FOUND if there is no such manifest or it is not a snapshot. */
export async function loadSnapshot(
  repository: Repository,
  id: ManifestID,
  options: AbortOptions = {},
): Promise<SnapshotManifest> {
  const manifest = await repository.getManifest(id, options);
  if (manifest.entry.labels['type'] !== 'snapshot') {
    throw new LongshoreError('MANIFEST_NOT_FOUND', `manifest ${id} is not a snapshot`, {
      manifestID: id,
    });
  }
  return parseSnapshotManifest(manifest);
}

/**
 * Puts a new manifest; the writer's flush makes it permanent. INVALID_ARGUMENT if the source lacks a part or a
 * tag has the name of one of the labels of every snapshot.
 */
export async function saveSnapshot(
  writer: RepositoryWriter,
  snapshot: SnapshotDraft,
): Promise<SnapshotManifest> {
  const labels = labelsOf(snapshot);
  const id = await writer.putManifest(labels, snapshotPayload(snapshot));
  return { ...snapshot, id };
}

/** Saves a changed snapshot under a new ID, then deletes the old manifest. */
export async function updateSnapshot(
  writer: RepositoryWriter,
  snapshot: SnapshotManifest,
): Promise<SnapshotManifest> {
  const updated = await saveSnapshot(writer, snapshot);
  if (updated.id !== snapshot.id) await writer.deleteManifest(snapshot.id);
  return updated;
}

function labelsOf({ source, tags }: SnapshotDraft): Labels {
  if (source.host === '' || source.userName === '' || source.path === '') {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `a snapshot needs a host, a user and a path, not ${formatSource(source)}`,
    );
  }
  const labels = snapshotLabels(source);
  const reserved = Object.keys(tags).find((key) => Object.hasOwn(labels, key));
  if (reserved !== undefined) {
    throw new LongshoreError('INVALID_ARGUMENT', `a snapshot cannot have a tag named ${reserved}`);
  }
  return { ...labels, ...tags };
}
