import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// `tsc -b` never deletes what an earlier source left in dist, and a package ships all of dist.
const root = fileURLToPath(new URL('..', import.meta.url));
for (const name of ['chunker', 'repo', 'snapshot', 'cli']) {
  rmSync(`${root}packages/${name}/dist`, { recursive: true, force: true });
}
const compiler = `${root}node_modules/typescript/bin/tsc`;
for (const step of [[compiler, '-b', 'tsconfig.build.json'], [`${root}tools/bundle-command.ts`]]) {
  const { status } = spawnSync(process.execPath, step, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
