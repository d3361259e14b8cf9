import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRepository } from '@longshore/repo';
import { nativeAlgorithms, openFilesystemStorage } from '@longshore/repo/node';
import { getPolicy, GLOBAL_SOURCE } from '@longshore/snapshot';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findMinio, isMinioMissing } from '../../test/minio.ts';
import { parseCommand } from './arguments.ts';
import { autoCommand } from './commands/auto.ts';
import { estimateCommand } from './commands/estimate.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { findKopia } from './peers/kopia.ts';
import { libraryPeer } from './peers/longshore.ts';
import { BENCH_PASSWORD } from './peers/peer.ts';
import { loadResults } from './result-files.ts';
import type { BenchResult } from './result.ts';

const minio = await findMinio();
const skipMinio = isMinioMissing(minio, 'bench scenarios on S3', 1);
const kopia = findKopia();
if (kopia === undefined) {
  console.warn(
    'SKIPPED: 1 test of the bench against Kopia. Set KOPIA_BIN or put kopia on the PATH.',
  );
}

let folder: string;
let printed = '';
const output = { print: (text: string) => void (printed += text), log: () => undefined };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-bench-smoke-'));
  vi.stubEnv('LONGSHORE_BENCH_SOURCES', '1');
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const TINY = '--scale 0.0005 --pairs 1 --seconds 0.001 --longshore library'.split(' ');
const RUN_TIMEOUT_MS = 600_000;

/** Runs scenarios at tiny scale, and gives their results by name. */
async function bench(argv: readonly string[]): Promise<ReadonlyMap<string, BenchResult>> {
  const out = mkdtempSync(join(folder, 'results-'));
  const command = parseCommand(argv.concat(TINY, '--cache', join(folder, 'cache'), '--out', out));
  if (command.kind !== 'run') throw new Error('not a run');
  printed = '';
  const exitCode = await runCommand(command.options, output);
  if (exitCode !== 0) throw new Error(printed);
  return new Map(loadResults(out).map((result) => [result.scenario, result]));
}

const KERNELS = ['hash-4k', 'seal-4k', 'prepare'];
const PROGRAMS = [
  'first-small',
  'incremental-small',
  'unchanged',
  'restore-folder',
  'verify',
  'snapshot-list',
];

describe('scenarios at tiny scale', () => {
  let results: ReadonlyMap<string, BenchResult>;
  beforeAll(async () => {
    results = await bench([...KERNELS, ...PROGRAMS, 'index-open']);
  }, RUN_TIMEOUT_MS);

  it.each(KERNELS)('time kernels: %s', (name) => {
    const { rows } = results.get(name)!;
    expect(rows.length).toBeGreaterThan(0);
    for (const { subjects } of rows) expect(subjects[0]!.samples[0]!.value).toBeGreaterThan(0);
  });

  it.each(PROGRAMS)('run the program, its output proven equal: %s', (name) => {
    const { proofs, rows } = results.get(name)!;
    expect(proofs[0]).toMatch(/^longshore: the restored tree equals the source/);
    const [ours] = rows[0]!.subjects;
    expect(ours!.samples[0]!.value).toBeGreaterThan(0);
    expect(ours!.samples[0]!.peakBytes ?? 1e7).toBeGreaterThan(1e6);
    expect(ours!.repositoryBytes).toBeGreaterThan(1000);
  });

  it('open an index of many contents within its budget', () => {
    const { budgets, proofs } = results.get('index-open')!;
    expect(budgets[0]!.actual).toBeLessThan(300e6);
    expect(proofs[0]).toContain('2,500 contents');
  });

  it.skipIf(skipMinio)(
    'count requests and bytes to S3 behind a slow line',
    async () => {
      const onS3 = await bench(['s3-slow-first']);
      const [ours] = onS3.get('s3-slow-first')!.rows[0]!.subjects;
      expect(ours!.requests).toBeGreaterThan(5);
      expect(ours!.bytesSent).toBeGreaterThan(ours!.repositoryBytes! / 2);
    },
    RUN_TIMEOUT_MS,
  );

  it.skipIf(kopia === undefined)(
    'run Kopia in turn, with the same root object',
    async () => {
      const against = await bench(['first-small', '--against', 'kopia']);
      const { rows, proofs } = against.get('first-small')!;
      expect(rows[0]!.subjects.map(({ subject }) => subject)).toEqual(['longshore', 'kopia']);
      expect(proofs).toContain('longshore and kopia: the same root object in one repository');
      expect(printed).toMatch(/wall time\s+kopia/);
    },
    RUN_TIMEOUT_MS,
  );
});

describe('commands for operators', () => {
  it('estimates without writing', async () => {
    const data = join(folder, 'data');
    mkdirSync(data);
    writeFileSync(join(data, 'file'), 'x'.repeat(100_000));
    const json = join(folder, 'estimate.json');
    const command = parseCommand(['estimate', data, '--json', json, '--changed-percent', '10']);
    if (command.kind !== 'estimate') throw new Error('not an estimate');
    expect(await estimateCommand(command.options, output)).toBe(0);
    const { first, daily } = JSON.parse(readFileSync(json, 'utf8')) as Record<
      'first' | 'daily',
      { readonly storedBytes: number; readonly readBytes: number; readonly packs: number }
    >;
    expect(first.packs).toBe(1);
    expect(first.storedBytes).toBeGreaterThan(100_000);
    expect(daily.readBytes).toBe(10_000);
    expect(daily.storedBytes).toBeLessThan(first.storedBytes);
  });

  it('proposes settings, leaves no trace at the target, and stores them in the policy', async () => {
    const path = join(folder, 'repository');
    const home = join(folder, 'home');
    await libraryPeer().create({ home, storage: { kind: 'filesystem', path }, format: {} });
    vi.stubEnv('KOPIA_PASSWORD', BENCH_PASSWORD);
    const json = join(folder, 'auto.json');
    const sample = join(import.meta.dirname, 'scenarios');
    const command = parseCommand(
      ['auto', '--target', `file:${path}`, '--sample', sample].concat(
        ['--sample-size', '64KiB', '--apply'],
        ['--json', json],
      ),
    );
    if (command.kind !== 'auto') throw new Error('not auto');
    printed = '';
    expect(await autoCommand(command.options, output)).toBe(0);
    expect(printed).toContain('proposed: ');
    const { proposal } = JSON.parse(readFileSync(json, 'utf8')) as {
      readonly proposal: { readonly choice: { readonly compression: string } };
    };
    const storage = await openFilesystemStorage({ path });
    const blobs = await Array.fromAsync(storage.listBlobs(''));
    expect(blobs.filter(({ id }) => id.includes('bench-'))).toEqual([]);
    await using repository = await openRepository({
      storage,
      password: BENCH_PASSWORD,
      algorithms: nativeAlgorithms(),
    });
    const stored = await getPolicy(repository, GLOBAL_SOURCE);
    expect(stored?.policy.compression.compressorName).toBe(proposal.choice.compression);
    expect(stored?.policy.retention.keepLatest).toBe(10);
  });

  it('writes tables into pages and says when they are out of date', async () => {
    const page = join(folder, 'page.md');
    writeFileSync(page, '<!-- bench:kernels -->\nold\n<!-- /bench:kernels -->\n');
    const options = { results: join(folder, 'none'), html: undefined, pages: [page], check: true };
    expect(reportCommand(options, output)).toBe(1);
    expect(reportCommand({ ...options, check: false }, output)).toBe(0);
    expect(readFileSync(page, 'utf8')).toContain('Not measured yet.');
    expect(reportCommand(options, output)).toBe(0);
  });
});
