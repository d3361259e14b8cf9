import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, type ScenarioRun } from './context.ts';
import type { DatasetFolder } from './dataset-files.ts';
import type { ClientOptions, Peer, PeerClient, PeerSnapshot } from './peers/peer.ts';
import { runUntimed } from './peers/run-untimed.ts';
import type { Place, Traffic } from './places.ts';
import type { FormatChoice, StorageTarget } from './runners/engine-request.ts';
import { digestTree } from './tree-digest.ts';

/** A repository with one snapshot that was restored and compared, ready for timed runs. */
export interface ProvenRepository {
  readonly peer: Peer;
  readonly target: StorageTarget;
  readonly client: PeerClient;
  readonly snapshot: PeerSnapshot;
  readonly storedBytes: number;
  readonly snapshotTraffic: Traffic | undefined;
  readonly restoreTraffic: Traffic | undefined;
}

export interface Proof {
  readonly repositories: readonly ProvenRepository[];
  readonly proofs: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Before anything is timed: each program backs up the tree and restores what it was, and if Kopia takes part, both write
 * the same root object into one repository and Kopia reads back every byte that longshore wrote. Throws if not.
 */
export async function proveEqualOutput(
  run: ScenarioRun,
  place: Place,
  dataset: DatasetFolder,
  format: FormatChoice,
): Promise<Proof> {
  const repositories: ProvenRepository[] = [];
  const notes: string[] = [];
  for (const peer of run.peers) {
    const target = place.target(`proof-${peer.name}`);
    const refusal = peer.refusal({ storage: target, format });
    if (refusal === undefined) {
      run.log(`proof: ${peer.name} backs up and restores ${dataset.name}`);
      repositories.push(await proveRestore(run, place, { peer, target, dataset, format }));
    } else notes.push(`without ${peer.name}: ${refusal}`);
  }
  const names = repositories.map(({ peer }) => peer.name).join(', ');
  const { files, bytes } = digestOf(run, dataset);
  const restored = `${names}: the restored tree equals the source, ${files} files and ${bytes} bytes`;
  return {
    repositories,
    notes,
    proofs: [restored, ...(await proveSameObjects(run, dataset, format))],
  };
}

interface Subject {
  readonly peer: Peer;
  readonly target: StorageTarget;
  readonly dataset: DatasetFolder;
  readonly format: FormatChoice;
}

async function proveRestore(
  run: ScenarioRun,
  place: Place,
  { peer, target, dataset, format }: Subject,
): Promise<ProvenRepository> {
  const options: ClientOptions = {
    home: join(run.folder, 'homes', `proof-${peer.name}`),
    storage: place.counted(target),
    format,
  };
  const client = await peer.create(options);
  const { result: printed, traffic: snapshotTraffic } = await place.countTraffic(() =>
    runUntimed(client.snapshot(dataset.tree)),
  );
  const snapshot = client.parseSnapshot(printed);
  const storedBytes = await place.storedBytes(target);
  const restored = join(run.folder, `restored-${peer.name}`);
  const fresh = await peer.connect({ ...options, home: `${options.home}-restore` });
  const { traffic: restoreTraffic } = await place.countTraffic(() =>
    runUntimed(fresh.restore(snapshot, restored)),
  );
  const { digest } = digestTree(restored);
  rmSync(restored, { recursive: true, force: true });
  if (digest !== digestOf(run, dataset).digest) {
    throw new Error(`${peer.name} restores another tree than it was given: ${dataset.tree}`);
  }
  return { peer, target, client, snapshot, storedBytes, snapshotTraffic, restoreTraffic };
}

/** In a repository that Kopia made; longshore writes first, so that Kopia's verification reads our bytes. */
async function proveSameObjects(
  run: ScenarioRun,
  dataset: DatasetFolder,
  format: FormatChoice,
): Promise<readonly string[]> {
  const [longshore, kopia] = (['longshore', 'kopia'] as const).map((name) =>
    run.peers.find((peer) => peer.name === name),
  );
  if (longshore === undefined || kopia === undefined) return [];
  const key = `${dataset.tree} ${JSON.stringify(format)}`;
  const known = run.proven.get(key);
  if (known !== undefined) return known;
  run.log(`proof: longshore and kopia write ${dataset.name} into one repository`);
  const path = join(run.folder, 'shared-repository');
  const options = (peer: Peer): ClientOptions => ({
    home: join(run.folder, 'homes', `shared-${peer.name}`),
    storage: { kind: 'filesystem', path },
    format,
    // Sources of their own: neither may take entries from the other's snapshot.
    sourcePath: `/bench/${peer.name}`,
  });
  const theirs = await kopia.create(options(kopia));
  const ours = await longshore.connect(options(longshore));
  const ourRoot = ours.parseSnapshot(await runUntimed(ours.snapshot(dataset.tree))).rootObjectID;
  const theirRoot = theirs.parseSnapshot(
    await runUntimed(theirs.snapshot(dataset.tree)),
  ).rootObjectID;
  if (ourRoot !== theirRoot) {
    throw new Error(`roots differ for ${dataset.tree}: longshore ${ourRoot}, kopia ${theirRoot}`);
  }
  await runUntimed(theirs.verify());
  rmSync(path, { recursive: true, force: true });
  const proofs = [
    `longshore and kopia: the same root object in one repository`,
    'kopia verifies every byte that longshore wrote',
  ];
  run.proven.set(key, proofs);
  return proofs;
}

/** A client with nothing cached. */
export function freshClient(
  run: ScenarioRun,
  { peer, format, storage, name }: Omit<ClientOptions, 'home'> & { peer: Peer; name: string },
): Promise<PeerClient> {
  const home = join(run.folder, 'homes', name);
  rmSync(home, { recursive: true, force: true });
  return peer.connect({ home, storage, format });
}
