import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';

/*
 * Joins what `tsc` made of the command and of the longshore packages into few files, because resolving and loading some
 * three hundred modules takes longer than most commands. Other packages stay what they are: dependencies of the command.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const command = `${root}packages/cli`;

rmSync(`${command}/bundle`, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'packages/cli/dist/main.js',
    // Started and imported by their names, next to the files that do so.
    'content-worker': 'packages/repo/dist/node/content-worker.js',
    'compare-task': 'packages/snapshot/dist/node/compare-task.js',
  },
  outdir: 'packages/cli/bundle',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: 'linked',
  metafile: true,
  plugins: [
    {
      name: 'other packages stay outside',
      setup: (bundler) => {
        bundler.onResolve({ filter: /^[^./]/ }, ({ path }) =>
          path.startsWith('@longshore/') ? undefined : { path, external: true },
        );
      },
    },
  ],
});
checkDependencies(metafile);

/** What the bundle imports must be installed with it. */
function checkDependencies({ outputs }: Metafile): void {
  const { dependencies } = JSON.parse(readFileSync(`${command}/package.json`, 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const imported = Object.values(outputs)
    .flatMap(({ imports }) => imports)
    .flatMap(({ path, external }) => (external === true ? packageOf(path) : []));
  const missing = [...new Set(imported)].filter((name) => dependencies[name] === undefined);
  if (missing.length > 0) {
    throw new Error(`packages/cli/package.json lacks the dependencies ${missing.join(', ')}`);
  }
}

function packageOf(specifier: string): readonly string[] {
  if (specifier.startsWith('node:')) return [];
  return [specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')];
}
