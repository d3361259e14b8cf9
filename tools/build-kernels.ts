/**
 * Compiles the AssemblyScript kernels of the packages into base64 modules that the core can import without
 * touching a file system. Run as `pnpm kernels`; `test/kernels.test.ts` compares the result with what is committed.
 *
 * `packages/X/kernels/kernels.json` lists the kernels of a package:
 *
 *   { "kernels": [{ "name": "buzhash32", "memories": ["plain", "shared"] }] }
 *
 * The source of a kernel is `kernels/<name>.ts`, or, where unrolled code is wanted, the text returned by
 * `generate()` of `kernels/<name>.generate.ts`. The output is `src/kernels/<name>.wasm.ts` with one constant per memory
 * kind: `BUZHASH32_WASM` imports `env.memory` as plain memory, `BUZHASH32_SHARED_WASM` as shared memory.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main as compileAssemblyScript } from 'assemblyscript/asc';

const ROOT = resolve(import.meta.dirname, '..');

/** The packages that have kernels. */
export const KERNEL_PACKAGES = ['chunker', 'repo'] as const;
export type KernelPackage = (typeof KERNEL_PACKAGES)[number];

/** Which kind of `WebAssembly.Memory` a module imports: a module for one kind does not link with the other. */
type MemoryKind = 'plain' | 'shared';

interface KernelEntry {
  readonly name: string;
  readonly memories: readonly MemoryKind[];
}

/** A generated source file and the text that belongs in it. */
export interface KernelModule {
  readonly path: string;
  readonly text: string;
}

const BASE_FLAGS = [
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '0',
  '--converge',
  '--noAssert',
  '--runtime',
  'stub',
  '--importMemory',
  '--noExportMemory',
  '--enable',
  'simd',
];

// A shared memory import must state a maximum; 65536 pages (4 GiB) accepts whatever the caller allocated.
const MEMORY_FLAGS: Readonly<Record<MemoryKind, readonly string[]>> = {
  plain: [],
  shared: ['--enable', 'threads', '--sharedMemory', '--maximumMemory', '65536'],
};

const DATA_SECTION = 11;

/** Compiles every kernel of one package. Fails on a compile error, on static data and on any import but `env.memory`. */
export async function compileKernels(packageName: KernelPackage): Promise<readonly KernelModule[]> {
  const folder = join(ROOT, 'packages', packageName, 'kernels');
  const modules: KernelModule[] = [];
  for (const entry of readManifest(join(folder, 'kernels.json'))) {
    const { path: sourcePath, text: source } = await readSource(folder, entry.name);
    const constants: string[] = [];
    for (const memory of entry.memories) {
      const wasm = await compileKernel(entry.name, source, memory);
      constants.push(renderConstant(entry.name, memory, wasm));
    }
    modules.push({
      path: join(ROOT, 'packages', packageName, 'src', 'kernels', `${entry.name}.wasm.ts`),
      text: [
        `// Generated from ${relative(ROOT, sourcePath)} by \`pnpm kernels\`. Do not edit.`,
        '',
        constants.join('\n'),
      ].join('\n'),
    });
  }
  return modules;
}

function readManifest(path: string): readonly KernelEntry[] {
  if (!existsSync(path)) return [];
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as { kernels: readonly KernelEntry[] };
  for (const { name, memories } of manifest.kernels) {
    const known = memories.every((memory) => Object.hasOwn(MEMORY_FLAGS, memory));
    if (!/^[a-z][a-z0-9-]*$/.test(name) || memories.length === 0 || !known) {
      throw new Error(`${path}: kernel ${name}: bad name or memories`);
    }
  }
  return manifest.kernels;
}

async function readSource(folder: string, name: string): Promise<KernelModule> {
  const generator = join(folder, `${name}.generate.ts`);
  if (!existsSync(generator)) {
    const path = join(folder, `${name}.ts`);
    return { path, text: readFileSync(path, 'utf8') };
  }
  const { generate } = (await import(pathToFileURL(generator).href)) as { generate: () => string };
  return { path: generator, text: generate() };
}

async function compileKernel(
  name: string,
  source: string,
  memory: MemoryKind,
): Promise<Uint8Array<ArrayBuffer>> {
  const entryFile = `${name}.ts`;
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  let diagnostics = '';
  const { error } = await compileAssemblyScript(
    [entryFile, '--outFile', 'kernel.wasm', ...BASE_FLAGS, ...MEMORY_FLAGS[memory]],
    {
      // Kernels are single files: anything else the compiler looks for does not exist.
      readFile: (file: string) => (file === entryFile ? source : null),
      writeFile: (_file: string, contents: Uint8Array | string) => {
        if (typeof contents !== 'string') wasm = Uint8Array.from(contents);
      },
      listFiles: () => null,
      stderr: {
        write: (chunk: Uint8Array | string) => {
          diagnostics += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
        },
      },
    },
  );
  if (error !== null || wasm === undefined) {
    throw new Error(`kernel ${name} (${memory}): ${diagnostics}`, { cause: error });
  }
  checkLinkage(`kernel ${name} (${memory})`, wasm);
  return wasm;
}

/** A kernel may touch memory that its caller points at and nothing else: several threads run it in one memory. */
function checkLinkage(what: string, wasm: Uint8Array<ArrayBuffer>): void {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(wasm));
  const names = imports.map(({ module, name }) => `${module}.${name}`);
  if (names.join() !== 'env.memory') throw new Error(`${what}: imports ${names.join(', ')}`);
  if (sectionIDs(wasm).includes(DATA_SECTION)) throw new Error(`${what}: has static data`);
}

function sectionIDs(wasm: Uint8Array): readonly number[] {
  const ids: number[] = [];
  let offset = 8;
  while (offset < wasm.length) {
    ids.push(wasm[offset] ?? 0);
    offset++;
    let size = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = wasm[offset] ?? 0;
      offset++;
      size |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    offset += size;
  }
  return ids;
}

function renderConstant(name: string, memory: MemoryKind, wasm: Uint8Array<ArrayBuffer>): string {
  const suffix = memory === 'shared' ? '_SHARED_WASM' : '_WASM';
  const constant = `${name.toUpperCase().replaceAll('-', '_')}${suffix}`;
  return [
    `/** ${wasm.length} bytes, base64; imports \`env.memory\` as ${memory} memory. */`,
    `export const ${constant}: string =`,
    `  '${Buffer.from(wasm).toString('base64')}';`,
    '',
  ].join('\n');
}

if (import.meta.main) {
  const chosen = process.argv.slice(2);
  for (const packageName of KERNEL_PACKAGES) {
    if (chosen.length > 0 && !chosen.includes(packageName)) continue;
    for (const { path, text } of await compileKernels(packageName)) {
      mkdirSync(resolve(path, '..'), { recursive: true });
      writeFileSync(path, text);
      console.log(relative(ROOT, path));
    }
  }
}
