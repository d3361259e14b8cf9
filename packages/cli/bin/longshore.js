#!/usr/bin/env node
// Plain JavaScript on old syntax only, so that even an old Node gets as far as saying what is missing.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { spawnSync } from 'node:child_process';
import * as nodeModule from 'node:module';
import { setFlagsFromString } from 'node:v8';

const MINIMUM_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) < MINIMUM_MAJOR) runWithPinnedNode();
else {
  try {
    await start();
  } catch (error) {
    // Commands report their own failures: what arrives here is a broken installation.
    process.stderr.write(`longshore: internal error: ${error?.message ?? error}\n`);
    process.exitCode = 1;
  }
}

/** A checkout or an installation may bring the right Node along as the package `node`. */
function runWithPinnedNode() {
  const pinned = pinnedNode();
  if (pinned === undefined || process.env.LONGSHORE_REEXECUTED === '1') {
    process.stderr.write(
      `longshore: this is Node ${process.versions.node}, and longshore needs Node ${MINIMUM_MAJOR} or later; ` +
        'install it from https://nodejs.org or with "npm install node"\n',
    );
    process.exit(1);
  }
  const { status, signal } = spawnSync(
    pinned,
    [import.meta.filename ?? new URL(import.meta.url).pathname, ...process.argv.slice(2)],
    {
      stdio: 'inherit',
      env: { ...process.env, LONGSHORE_REEXECUTED: '1' },
    },
  );
  if (signal !== null) process.kill(process.pid, signal);
  process.exit(status ?? 1);
}

function pinnedNode() {
  const here = new URL('..', import.meta.url);
  for (const base of [here, new URL('../../', here)]) {
    try {
      const require = createRequire(new URL('package.json', base));
      return require.resolve('node/bin/node');
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

async function start() {
  // Collect garbage before the heap has doubled: a fifth less memory for a tenth more processor time.
  setFlagsFromString('--heap-growing-percent=50');
  // Node warns once about its experimental function calls into libc; users cannot do anything about that.
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'object' ? rest[0]?.type : rest[0];
    const name = typeof warning === 'string' ? type : warning?.name;
    if (name !== 'ExperimentalWarning') Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  nodeModule.enableCompileCache?.();
  const built = new URL('../bundle/main.js', import.meta.url);
  const source = new URL('../src/main.ts', import.meta.url);
  const fromSource = existsSync(source);
  if (fromSource) {
    nodeModule.registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, {
          ...context,
          conditions: ['longshore-source', ...(context.conditions ?? [])],
        }),
    });
  }
  const { main } = await import((fromSource ? source : built).href);
  await main(process.argv.slice(2));
}
