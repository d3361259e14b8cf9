import {
  cpSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The folder of golden repositories: `LONGSHORE_FIXTURES`, else `../shared/fixtures` beside the checkout. */
function fixturesRoot(): string | undefined {
  const root =
    process.env['LONGSHORE_FIXTURES'] ?? resolve(import.meta.dirname, '../../shared/fixtures');
  return existsSync(join(root, 'kopia')) ? root : undefined;
}

/** The project's own small set, which a clone without the shared folder still has. */
const OWN_FIXTURES: string = join(import.meta.dirname, 'fixtures');

export interface GoldenTreeEntry {
  readonly path: string;
  readonly type: 'dir' | 'file' | 'symlink';
  readonly mode: string;
  readonly mtimeNs: string;
  readonly uid: number;
  readonly gid: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
}

/** What Kopia itself said about a repository that it wrote. */
export interface GoldenExpectations {
  readonly name: string;
  readonly password: string;
  readonly createFlags: readonly string[];
  readonly status: Record<string, unknown>;
  readonly snapshots: readonly Record<string, unknown>[];
  readonly manifests: readonly Record<string, unknown>[];
  readonly contents: readonly Record<string, unknown>[];
  readonly blobs: readonly Record<string, unknown>[];
  readonly policies: readonly Record<string, unknown>[];
  readonly trees: Readonly<Record<string, readonly GoldenTreeEntry[]>>;
}

export interface GoldenRepository {
  readonly name: string;
  /** Read-only: copy before writing. */
  readonly path: string;
  readonly expected: GoldenExpectations;
}

/** Every golden repository at hand: the shared ones if present, else the project's own set. */
export function goldenRepositories(): readonly GoldenRepository[] {
  const folder = join(fixturesRoot() ?? OWN_FIXTURES, 'kopia');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .filter((name) => existsSync(join(folder, name, 'expected.json')))
    .map((name) => ({
      name,
      path: join(folder, name, 'repo'),
      expected: JSON.parse(
        readFileSync(join(folder, name, 'expected.json'), 'utf8'),
      ) as GoldenExpectations,
    }));
}

/** A writable copy of a golden repository in a fresh temporary folder. */
export function copyGolden(golden: GoldenRepository): string {
  const target = mkdtempSync(join(tmpdir(), `longshore-${golden.name}-`));
  cpSync(golden.path, target, { recursive: true, preserveTimestamps: true });
  makeWritable(target);
  return target;
}

function makeWritable(path: string): void {
  const isDirectory = statSync(path).isDirectory();
  chmodSync(path, isDirectory ? 0o700 : 0o600);
  if (isDirectory) for (const name of readdirSync(path)) makeWritable(join(path, name));
}
