/* The command `longshore` as it is shipped: compiled and bundled, where the file in bin/ of a checkout runs the sources. */
import { enableCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--heap-growing-percent=50');
process.removeAllListeners('warning');
enableCompileCache();
const { main } = (await import(
  new URL('../../../packages/cli/bundle/main.js', import.meta.url).href
)) as { main: (argv: readonly string[]) => Promise<void> };
await main(process.argv.slice(2));
