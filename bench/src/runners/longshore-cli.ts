/* The command `longshore` as it is shipped: compiled, where the file in bin/ of a checkout runs the sources. */
import { enableCompileCache } from 'node:module';

process.removeAllListeners('warning');
enableCompileCache();
const { main } = (await import(
  new URL('../../../packages/cli/dist/main.js', import.meta.url).href
)) as { main: (argv: readonly string[]) => Promise<void> };
await main(process.argv.slice(2));
