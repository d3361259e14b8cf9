import { createContext, Script, type Context } from 'node:vm';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { goldenRepositories, type GoldenRepository } from './golden.ts';
import { PROJECT_ROOT } from './markdown.ts';

/** What browsers and this Node have in common, as far as the core may use it. Neither `Buffer` nor `process`. */
const WEB_GLOBALS = [
  'AbortController',
  'AbortSignal',
  'atob',
  'btoa',
  'clearTimeout',
  'console',
  'crypto',
  'DOMException',
  'performance',
  'setTimeout',
  'structuredClone',
  'TextDecoder',
  'TextEncoder',
  'URL',
] as const;

/** Opens a repository over blobs in memory and reads all that its snapshots hold. */
const READER = `
  import { openRepository, objectReference } from '@longshore/repo';
  import { listSnapshots, walkSnapshot } from '@longshore/snapshot';

  function memoryReader(blobs) {
    const read = (id) => {
      const data = blobs.get(id);
      if (data === undefined) throw Object.assign(new Error('no blob ' + id), { code: 'BLOB_NOT_FOUND', retryable: false });
      return data;
    };
    const metadata = (id) => ({ id, length: read(id).length, timestamp: 1700000000000000000n });
    return {
      displayName: 'Memory',
      getBlob: async (id, { range } = {}) =>
        range === undefined ? read(id).slice() : read(id).slice(range.offset, range.offset + range.length),
      getMetadata: async (id) => metadata(id),
      async *listBlobs(prefix) {
        for (const id of blobs.keys()) if (id.startsWith(prefix)) yield metadata(id);
      },
    };
  }

  export async function readAll(blobs, password) {
    await using repository = await openRepository({ storage: memoryReader(blobs), password });
    const files = {};
    const compressions = new Set();
    for (const { id, rootEntry } of await listSnapshots(repository)) {
      if (rootEntry === undefined) continue;
      for await (const { path, entry } of walkSnapshot(repository, rootEntry)) {
        for (const { objectID } of await repository.objectChunks(entry.objectID)) {
          const { contentID } = objectReference(objectID);
          compressions.add(contentID[0] + ' ' + repository.contents.contentInfo(contentID).compressionHeaderID.toString(16));
        }
        if (entry.type !== 'f') continue;
        await using reader = await repository.openObject(entry.objectID);
        const data = new Uint8Array(reader.length);
        let length = 0;
        for await (const piece of reader.stream()) {
          data.set(piece, length);
          length += piece.length;
        }
        const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data.subarray(0, length)));
        files[id + '/' + path] = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
      }
    }
    return JSON.stringify({ files, compressions: [...compressions].sort() });
  }
`;

interface ReaderModule {
  readAll(blobs: ReadonlyMap<string, Uint8Array>, password: string): Promise<string>;
}

/** Every import is bundled: one that only Node has fails the build. */
async function bundleForBrowsers(): Promise<{
  readonly code: string;
  readonly inputs: readonly string[];
}> {
  const result = await build({
    stdin: { contents: READER, resolveDir: import.meta.dirname, sourcefile: 'reader.js' },
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'reader',
    target: 'esnext',
    conditions: ['longshore-source'],
    logLevel: 'silent',
    absWorkingDir: PROJECT_ROOT,
  });
  return { code: result.outputFiles[0]!.text, inputs: Object.keys(result.metafile.inputs) };
}

function webContext(): Context {
  const globals = Object.fromEntries(
    WEB_GLOBALS.map((name) => [name, Reflect.get(globalThis, name) as unknown]),
  );
  return createContext(globals, { codeGeneration: { strings: false, wasm: true } });
}

/** Blobs as bytes of the context itself, as its own requests would give it. */
function blobsIn(context: Context, { path }: GoldenRepository): ReadonlyMap<string, Uint8Array> {
  const intrinsics = new Script('({ Map, Uint8Array })').runInContext(context) as {
    readonly Map: typeof Map;
    readonly Uint8Array: typeof Uint8Array;
  };
  const blobs = new intrinsics.Map<string, Uint8Array>();
  for (const file of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || !file.name.endsWith('.f')) continue;
    const full = join(file.parentPath, file.name);
    const id = relative(path, full).replaceAll('/', '').slice(0, -'.f'.length);
    blobs.set(id, new intrinsics.Uint8Array(readFileSync(full)));
  }
  return blobs;
}

/** Of each file of each snapshot, what Kopia says. */
function expectedFiles({ expected }: GoldenRepository): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [snapshot, tree] of Object.entries(expected.trees)) {
    for (const { type, path, sha256 } of tree) {
      if (type === 'file') files[`${snapshot}/${path}`] = sha256!;
    }
  }
  return files;
}

const SHOWN = ['compressors', 'lived-in-v1', 'lived-in-v3', 'v1-blake3', 'v2-ecc', 'odd-names'];
const goldens = goldenRepositories().filter(({ name }) => SHOWN.includes(name));

describe('the core in a browser', () => {
  let code: string;
  let inputs: readonly string[];
  const compressions = new Set<string>();

  beforeAll(async () => {
    ({ code, inputs } = await bundleForBrowsers());
  });

  it('takes nothing that only Node has', () => {
    expect(inputs.filter((input) => /^node:|\/src\/node\//.test(input))).toEqual([]);
    expect(inputs.length).toBeGreaterThan(50);
    expect(goldens.length).toBeGreaterThan(0);
  });

  it.each(goldens)('reads every file of $name with web globals alone', async (golden) => {
    const context = webContext();
    new Script(`${code}; globalThis.reader = reader;`).runInContext(context);
    expect(
      new Script('[typeof Buffer, typeof process, typeof require]').runInContext(context),
    ).toEqual(expect.objectContaining(['undefined', 'undefined', 'undefined']));
    const reader = context['reader'] as ReaderModule;
    const blobs = blobsIn(context, golden);
    const found = JSON.parse(await reader.readAll(blobs, golden.expected.password)) as {
      readonly files: unknown;
      readonly compressions: readonly string[];
    };
    expect(found.files).toEqual(expectedFiles(golden));
    expect(Object.keys(expectedFiles(golden))).not.toEqual([]);
    for (const compression of found.compressions) compressions.add(compression);
  });

  it('has read directories that Kopia compressed with Zstandard, as it does by default', () => {
    expect([...compressions]).toContain('k 1101');
  });
});
