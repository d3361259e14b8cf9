import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from './markdown.ts';
import { findOldestNode, OLDEST_NODE } from './node-versions.ts';
import { prepareReadmeSnippet } from './readme-snippet.ts';
import { runProgram, runSuccessfully } from './run-program.ts';

const PACKAGES = ['chunker', 'repo', 'snapshot', 'cli'] as const;
const BINARIES = join(PROJECT_ROOT, 'node_modules/.bin');
const BUILD_TIMEOUT_MS = 600_000;

const nodes = [
  { version: process.versions.node, node: process.execPath },
  { version: String(OLDEST_NODE), node: await findOldestNode('the packed packages') },
];

/** What a user's shell has: nothing that a package manager or a test runner adds for its own scripts. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_OPTIONS|NODE_ENV|VITEST)/.test(name),
  ),
);

let folder: string;
let project: string;

function tarball(name: string): string {
  const { version } = manifestOf(name);
  return join(folder, 'tarballs', `longshore-${name}-${version}.tgz`);
}

function manifestOf(name: string): { readonly version: string } {
  const path = join(PROJECT_ROOT, 'packages', name, 'package.json');
  return JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string };
}

function pnpm(parameters: readonly string[], cwd: string): Promise<string> {
  return runSuccessfully('npx', ['-y', 'pnpm@12', ...parameters], { cwd, env: ENVIRONMENT });
}

/** A project of a user: the four packages from their tarballs, everything else from the registry. */
async function installTarballs(): Promise<void> {
  const packages = Object.fromEntries(
    PACKAGES.map((name) => [`@longshore/${name}`, `file:${tarball(name)}`]),
  );
  mkdirSync(project);
  const types = readFileSync(join(PROJECT_ROOT, 'pnpm-workspace.yaml'), 'utf8');
  const nodeTypes = /'@types\/node': (\S+)/.exec(types)![1]!;
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({
      name: 'a-project',
      type: 'module',
      dependencies: packages,
      devDependencies: { '@types/node': nodeTypes },
    }),
  );
  // The packages name each other by version, and no registry has them.
  const overrides = Object.entries(packages).map(([name, file]) => `  '${name}': ${file}\n`);
  writeFileSync(join(project, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('')}`);
  await pnpm(['install', '--prefer-offline', '--no-frozen-lockfile'], project);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-packed-'));
  project = join(folder, 'project');
  await runSuccessfully(process.execPath, ['tools/build.ts'], { cwd: PROJECT_ROOT });
  for (const name of PACKAGES) {
    const destination = ['--pack-destination', join(folder, 'tarballs')];
    await pnpm(['pack', ...destination], join(PROJECT_ROOT, 'packages', name));
  }
  await installTarballs();
}, BUILD_TIMEOUT_MS);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe.each(PACKAGES)('the package %s', (name) => {
  it.each([
    ['publint', ['run', '--strict']],
    ['attw', ['--profile', 'esm-only']],
  ])('has what its manifest promises, says %s', async (program, parameters) => {
    const checked = [...parameters, tarball(name)];
    // Throws with all that the program finds.
    const said = await runSuccessfully(join(BINARIES, program), checked, { cwd: folder });
    expect(said).toMatch(name === 'cli' ? /All good|does not contain types/ : /All good|\(ESM\)/);
  });

  it('holds programs with their types and maps, and neither sources nor tests nor ways to them', async () => {
    const listed = await runSuccessfully('tar', ['-tzf', tarball(name)], { cwd: folder });
    const files = listed.trim().split('\n');
    expect(files).toEqual(expect.arrayContaining(['package/LICENSE', 'package/README.md']));
    const programs = files.filter((file) => /^package\/(dist|bundle)\/.*\.js$/.test(file));
    expect(programs.length).toBeGreaterThan(0);
    expect(files).toEqual(expect.arrayContaining(programs.map((program) => `${program}.map`)));
    // Nobody imports the command.
    const typed = name === 'cli' ? [] : programs;
    expect(files).toEqual(
      expect.arrayContaining(typed.map((program) => program.replace(/\.js$/, '.d.ts'))),
    );
    const known = /^package\/(LICENSE|README\.md|package\.json|bin\/longshore\.js)$/;
    const built = /^package\/(dist|bundle)\/.*\.(js|js\.map|d\.ts)$/;
    expect(files.filter((file) => !known.test(file) && !built.test(file))).toEqual([]);
    expect(files.filter((file) => /\.test\.|-fixture\.|-world\.|\/fake-/.test(file))).toEqual([]);
    const manifest = await runSuccessfully(
      'tar',
      ['-xzOf', tarball(name), 'package/package.json'],
      {
        cwd: folder,
      },
    );
    expect(manifest).not.toMatch(/longshore-source|workspace:|catalog:/);
  });
});

describe('a project that installed the packages', () => {
  it("gets README's library example past a strict compiler", async () => {
    const place = join(project, 'typed');
    mkdirSync(place);
    const { code } = prepareReadmeSnippet(join(folder, 'typed'));
    writeFileSync(join(place, 'snippet.ts'), code);
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
      target: 'ES2023',
      module: 'NodeNext',
      lib: ['ES2025', 'ESNext.Disposable', 'DOM', 'DOM.AsyncIterable'],
      types: ['node'],
    };
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    const { status, stdout } = await runProgram(join(BINARIES, 'tsc'), ['-p', place], {
      cwd: place,
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  describe.each(nodes)('with Node $version', ({ version, node }) => {
    it.skipIf(node === undefined)(
      "backs up, restores and streams as README's library example does",
      async () => {
        const place = join(project, `node-${version}`);
        mkdirSync(place);
        const snippet = prepareReadmeSnippet(join(folder, `node-${version}`));
        const programs = { 'create.ts': snippet.createProgram, 'snippet.ts': snippet.program };
        for (const [name, program] of Object.entries(programs)) {
          writeFileSync(join(place, name), program);
        }
        const options = { cwd: place, env: ENVIRONMENT };
        await runSuccessfully(node!, ['create.ts'], options);
        expect(await runSuccessfully(node!, ['snippet.ts'], options)).toBe(snippet.printed);
        snippet.checkRestored();
      },
    );

    it.skipIf(node === undefined)('has the command, which tells its version', async () => {
      const env = { ...ENVIRONMENT, PATH: `${dirname(node!)}${delimiter}${process.env['PATH']}` };
      const command = join(project, 'node_modules/.bin/longshore');
      const { status, stdout, stderr } = await runProgram(command, ['--version'], {
        cwd: folder,
        env,
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain(manifestOf('cli').version);
    });

    it.skipIf(node === undefined)('has the command, which explains itself', async () => {
      const env = { ...ENVIRONMENT, PATH: `${dirname(node!)}${delimiter}${process.env['PATH']}` };
      const command = join(project, 'node_modules/.bin/longshore');
      const stdout = await runSuccessfully(command, ['--help'], { cwd: folder, env });
      expect(stdout).toContain('snapshot create');
    });
  });
});
